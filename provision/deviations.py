"""Where the lab deviates from the book, and why.

A template names a deviation at the line that it is about: `{{ deviates("myorigin", "#") }}`. The
file then explains it in a comment in both languages, and has it as data for the report.
"""

from __future__ import annotations

from collections.abc import Mapping

from labctl.managed import Deviation

# A text may name the host (`{host.name}`) and the book's third host (`{parent.name}`).
DEVIATIONS: Mapping[str, Deviation] = {
    "myorigin": Deviation(
        en="local senders are user@$mydomain, an address that can be answered.",
        ja="差出人を返信できるアドレス（user@$mydomain）にする。",
    ),
    "ipv4": Deviation(
        en="IPv4 only, as the lab has no other addresses.",
        ja="ラボには IPv4 アドレスしかないため、IPv4 だけを使う。",
    ),
    "compatibility": Deviation(
        en="this version's own defaults, so that `postfix check` and the log stay silent.",
        ja="postfix check とログに警告が出ないよう、このバージョンの既定値を使う。",
    ),
    "no-nis": Deviation(
        en="the lab has no NIS, which the built-in default would ask.",
        ja="組み込みの既定値にある NIS は、このラボでは使わない。",
    ),
    "no-pid-file": Deviation(
        en="the unit waits for a PID file in /run; saslauthd writes it beside its socket.",
        ja="ユニットは /run の PID ファイルを待つが、saslauthd はソケットと同じ場所に書く。",
    ),
    "wrapper-unit": Deviation(
        en="Debian's postfix.service only wraps postfix@-.service; both get the order.",
        ja="Debian 系の postfix.service は postfix@-.service を包むだけなので、両方に設定する。",
    ),
    "mail-domain": Deviation(
        en="`mail` gets its domain; otherwise it writes user@{host.name}, which nobody can answer.",
        ja="mail コマンドにドメイン名を教える（教えないと返信できない user@{host.name} になる）。",
    ),
    "autoconfig": Deviation(
        en="Thunderbird's automatic set-up is not in the book; a small web server answers it,"
        " on port 80.",
        ja="教科書にはない Thunderbird の自動設定に、80 番ポートの小さな Web サーバーで応答する。",
    ),
    "other-zone": Deviation(
        en="no {parent.name} in this lab, so the other zone is asked of its own server.",
        ja="{parent.name} を置かない構成のため、相手のゾーンは相手のサーバーに直接問い合わせる。",
    ),
    "short-ttl": Deviation(
        en="a TTL of one minute, so that a corrected record is seen by the other host at once.",
        ja="修正したレコードが相手にすぐ見えるよう、TTL を 1 分にする。",
    ),
    "serial": Deviation(
        en="the serial is computed from the records, so it changes exactly when they do.",
        ja="シリアル番号はレコードの内容から計算し、内容が変わったときだけ変わる。",
    ),
    "autoconfig-name": Deviation(
        en="a name for Thunderbird's automatic set-up; not the bare domain, whose A would hide"
        " a missing MX.",
        ja="Thunderbird の自動設定のための名前。ドメイン自体の A は MX の欠落を隠すので置かない。",
    ),
    "listen-on": Deviation(
        en="BIND listens on the lab's own address and loopback only; it serves no other network.",
        ja="ラボのアドレスとループバックだけで待ち受ける（外部のネットワークには応答しない）。",
    ),
    "short-cache": Deviation(
        en="an answer is kept for five seconds, so that a corrected zone is seen at once.",
        ja="直したゾーンがすぐ見えるよう、問い合わせの結果を 5 秒だけ保持する。",
    ),
    "no-dnssec": Deviation(
        en="the lab's zones are not in the real, signed DNS, which denies them.",
        ja="ラボのゾーンは署名された本物の DNS に存在しないため、DNSSEC の検証を行わない。",
    ),
    "start-switch": Deviation(
        en="the book does not mention it, but without START=yes no saslauthd runs.",
        ja="教科書にはないが、START=yes がないと saslauthd は起動しない。",
    ),
    "socket": Deviation(
        en="the socket is where Postfix's chrooted smtpd can see it.",
        ja="chroot された Postfix の smtpd から見える場所にソケットを置く。",
    ),
    "own-resolver": Deviation(
        en="no {parent.name} in this lab, so this host asks its own BIND.",
        ja="{parent.name} を置かない構成のため、自分自身の BIND に問い合わせる。",
    ),
}


def lines(deviation: Deviation, comment: str) -> str:
    """The deviation as comment lines of a file. `comment` is what begins one."""
    return f"{comment} Deviation: {deviation.en}\n{comment} 逸脱: {deviation.ja}"
