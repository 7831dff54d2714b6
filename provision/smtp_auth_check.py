"""Does SMTP AUTH work? It is tried; where it fails, the first cause on the way is named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from labctl.i18n import _
from labctl.results import Finding
from provision.dialogue import Answer, smtp_auth
from provision.facts import Facts, ask
from provision.services import starts_at_boot
from provision.step import Target

_CHROOT = "/var/spool/postfix"

# smtpd looks for saslauthd's socket at one path; whether that lies below the chroot, master.cf
# decides. smtpd.conf is looked for where Debian's Postfix reads it, then anywhere else.
_ASK = r"""
say start sed -n 's/^[[:space:]]*START=//p' /etc/default/saslauthd
if grep -q 'START' /etc/init.d/saslauthd 2>/dev/null; then say wants-start echo yes; fi
say enabled systemctl is-enabled saslauthd
say running pgrep -x saslauthd
say args ps -o args= -C saslauthd
chroot=$(postconf -F -h smtp/inet/chroot 2>/dev/null || echo y)
prefix=/var/spool/postfix
if [ "$chroot" = n ]; then prefix=; fi
say socket echo "$prefix/var/run/saslauthd/mux"
if runuser -u postfix -g postfix -G sasl -- test -S "$prefix/var/run/saslauthd/mux"; then
  say reachable echo yes
fi
if [ -S "$prefix/var/run/saslauthd/mux" ]; then say there echo yes; fi
if runuser -u postfix -- test -S "$prefix/var/run/saslauthd/mux"; then say allowed echo yes; fi
say groups id -nG postfix
say conf cat /etc/postfix/sasl/smtpd.conf
if [ -e /etc/postfix/sasl/smtpd.conf ]; then say conf-there echo yes; fi
say elsewhere find /etc /usr/lib/sasl2 -xdev -name 'smtpd*.conf*' \
  ! -path /etc/postfix/sasl/smtpd.conf
say beside ls /etc/postfix/sasl
"""


def check(target: Target) -> list[Finding]:
    """AUTH PLAIN and LOGIN with the right password and a wrong one, then the settings."""
    name = str(target.host.account)
    password = target.credentials.password(name)
    with ThreadPoolExecutor(3) as pool:
        plain = pool.submit(smtp_auth, target, name, password, "PLAIN")
        login = pool.submit(smtp_auth, target, name, password, "LOGIN")
        wrong = pool.submit(smtp_auth, target, name, f"not-{password}", "PLAIN")
        facts = ask(target, _ASK)
        tried = {"PLAIN": plain.result(), "LOGIN": login.result()}
        refused = wrong.result()
    return [*_behaviour(facts, tried, refused), *_lasting(facts)]


def _behaviour(facts: Facts, tried: dict[str, Answer], refused: Answer) -> list[Finding]:
    if not all(answer.ok for answer in tried.values()):
        cause = _cause(facts)
        if cause is not None:
            return [cause]
    return [
        *(_accepted(mechanism, answer) for mechanism, answer in tried.items()),
        Finding(
            code="smtp-auth.wrong-password",
            ok=not refused.ok,
            what=_("AUTH with a wrong password"),
            found=refused.text,
            expected="535",
            hint=_("Who is asked whether a password is right? Look at pwcheck_method."),
            solution="pwcheck_method: saslauthd",
        ),
    ]


def _accepted(mechanism: str, answer: Answer) -> Finding:
    return Finding(
        code=f"smtp-auth.{mechanism.lower()}",
        ok=answer.ok,
        what=_("AUTH {mechanism} with the right password", mechanism=mechanism),
        found=answer.text,
        expected="235",
        hint=_("The end of /var/log/mail.log says what smtpd missed."),
        solution="systemctl restart saslauthd postfix",
    )


def _cause(facts: Facts) -> Finding | None:
    """The first thing on the way from smtpd to saslauthd that is not as it must be."""
    return _wrong_conf(facts) or _wrong_daemon(facts) or _wrong_way(facts)


def _wrong_conf(facts: Facts) -> Finding | None:
    conf = _conf(facts)
    if not facts["conf-there"]:
        others = [*facts.lines("elsewhere"), *facts.lines("beside")]
        return Finding(
            code="smtp-auth.smtpd-conf",
            ok=False,
            what="/etc/postfix/sasl/smtpd.conf",
            found=", ".join(others) or _("missing"),
            expected=_("there"),
            hint=_("Postfix looks for it in one folder and under one name only."),
            solution="pwcheck_method: saslauthd\nmech_list: plain login",
        )
    if conf.get("pwcheck_method") != "saslauthd":
        return _conf_line(conf, "pwcheck_method", "saslauthd")
    if {"plain", "login"} - set(conf.get("mech_list", "").lower().split()):
        return _conf_line(conf, "mech_list", "plain login")
    return None


def _conf_line(conf: dict[str, str], key: str, value: str) -> Finding:
    return Finding(
        code=f"smtp-auth.{key.replace('_', '-')}",
        ok=False,
        what=_("{key} in smtpd.conf", key=key),
        found=conf.get(key) or _("missing, beside: {keys}", keys=", ".join(conf) or "-"),
        expected=value,
        hint=_("Compare smtpd.conf with the book, letter by letter; Postfix reads it at start."),
        solution=f"{key}: {value}",
    )


def _conf(facts: Facts) -> dict[str, str]:
    pairs = (line.partition(":") for line in facts.lines("conf") if not line.startswith("#"))
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def _wrong_daemon(facts: Facts) -> Finding | None:
    if facts["running"]:
        return None
    if _start_missing(facts):
        return _start(facts)
    return Finding(
        code="smtp-auth.saslauthd",
        ok=False,
        what=_("saslauthd runs"),
        found=_("no such process"),
        expected=_("running"),
        hint=_("systemd may say active all the same: pgrep -a saslauthd shows the truth."),
        solution="systemctl restart saslauthd",
    )


def _wrong_way(facts: Facts) -> Finding | None:
    if not facts["there"]:
        return Finding(
            code="smtp-auth.socket",
            ok=False,
            what=_("saslauthd's socket lies where smtpd looks"),
            found=(facts.lines("args") or [""])[0],
            expected=facts["socket"],
            hint=_("smtpd runs in a chroot: which folder is its root?"),
            solution=f'OPTIONS="-c -m {_CHROOT}/var/run/saslauthd"',
        )
    if facts["allowed"]:
        return None
    in_group = "sasl" in facts["groups"].split()
    return Finding(
        code="smtp-auth.folder" if in_group else "smtp-auth.group",
        ok=False,
        what=_("Postfix may reach saslauthd's socket"),
        found=_("postfix is in: {groups}", groups=facts["groups"]),
        expected="sasl" if not in_group else "710 root sasl",
        hint=_("Who may enter the socket's folder? Compare with what id postfix says."),
        solution="adduser postfix sasl; systemctl restart postfix"
        if not in_group
        else f"chgrp sasl {_CHROOT}/var/run/saslauthd; chmod 710 {_CHROOT}/var/run/saslauthd",
    )


def _lasting(facts: Facts) -> list[Finding]:
    """What a reboot would undo, though it works now."""
    if _start_missing(facts) and not facts["running"]:
        return []
    state = facts["enabled"] or "disabled"
    return [
        _start(facts),
        starts_at_boot("smtp-auth.enabled", _("saslauthd starts at boot"), "saslauthd", state),
    ]


def _start_missing(facts: Facts) -> bool:
    return bool(facts["wants-start"]) and _switch(facts) != "yes"


def _switch(facts: Facts) -> str:
    """What the start script's shell makes of the lines: the last counts, without a comment."""
    words = facts["start"].rpartition("\n")[2].split()
    return words[0].strip("\"'") if words else ""


def _start(facts: Facts) -> Finding:
    return Finding(
        code="smtp-auth.start",
        ok=not _start_missing(facts),
        what=_("saslauthd's own switch"),
        found=facts["start"] or _("missing"),
        expected="START=yes",
        hint=_("saslauthd's start script first reads /etc/default/saslauthd."),
        solution="/etc/default/saslauthd: START=yes; systemctl restart saslauthd",
    )
