"""Is chapter 5 done? BIND answers for the zone, and the host's resolver for both domains."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from labctl.i18n import _
from labctl.lab import Host
from labctl.results import Finding
from labctl.scripts import Script
from provision.dns_next_start import next_start, why_no_answer, why_no_peer
from provision.facts import Facts, ask, local_address
from provision.patience import patient
from provision.services import by_hand, frozen, starts_at_boot
from provision.step import Target, packages_of

_CHECK = Script("provision", "dns-check.sh")
_CHECK_PARENT = Script("provision", "dns-check-parent.sh")

# The process in a line of ss(8).
_PROCESS = re.compile(r'\(\("([^"]+)"')
# Seconds. What is forgotten within a minute corrects itself; a day-old answer does not.
_SHORT = 60
# How long the script takes if no server answers, more on a busy machine.
_SECONDS = 5.0
# How many aliases (CNAME) in a row are followed.
_ALIASES = 8


def check(target: Target) -> list[Finding]:
    """What BIND answers for the zone, and what the host's resolver finds for both domains."""
    if target.host.account is None:
        return _check_parent(target)
    host, peer = target.host, target.peer
    facts = ask(
        target,
        _CHECK,
        target.family.bind.unit,
        str(host.address),
        host.domain,
        host.name,
        str(peer.address),
        peer.domain,
        target.family.bind.folder,
        target.family.bind.pid_file,
        seconds=patient(_SECONDS),
    )
    if stopped := frozen("dns.frozen", _("BIND runs"), facts):
        return [stopped]
    if other := _other_server(target, facts) or _no_dig(target, facts):
        return [other]
    running = _running(target, facts)
    files = _files(host, facts)
    if not files.ok:
        return [files, *(finding for finding in running if finding.ok)]
    if not running[0].ok:
        return running
    zone = _zone(target, facts)
    ways = (_way(facts, who, target.peer.domain) for who in ("found", "peer"))
    finds_peer = next(ways) == next(ways)
    kept = _kept(target, facts) or next_start(
        target, facts, asks_itself=_asks_itself(target), finds_peer=finds_peer
    )
    # Of a zone that BIND does not have at all, nothing else is known.
    loaded = [] if zone[0].code == "dns.loaded" else [kept or _loaded(host, facts)]
    found = [*running, files, *zone, *loaded]
    # Every program gets what the zone says, so a wrong zone is the cause of both.
    return [*found, *_resolver(target, facts)] if all(each.ok for each in zone) else found


def _no_dig(target: Target, facts: Facts) -> Finding | None:
    """The command with which a person asks a name server, and labctl too, is not there."""
    if not facts["no-dig"]:
        return None
    packages = target.family.packages
    return Finding(
        code="dns.dig",
        ok=False,
        what=_("the command dig"),
        found=_("missing"),
        expected=_("there"),
        hint=_("Without it neither you nor labctl can ask BIND. Which package has it?"),
        solution=packages.command(target.family.bind.tools),
    )


def _other_server(target: Target, facts: Facts) -> Finding | None:
    """Another program that took port 53 for TCP. BIND then answers over UDP at most."""
    for line in facts.lines("tcp"):
        place, names = local_address(line), _PROCESS.findall(line)
        is_ours = place.rpartition(":")[0] in ("*", "0.0.0.0", "[::]", str(target.host.address))
        if is_ours and names and names[0] != "named":
            return Finding(
                code="dns.tcp",
                ok=False,
                what=_("BIND answers over TCP too"),
                found=names[0],
                expected="named",
                hint=_("Which program listens on port 53? ss -ltnp shows it."),
                solution=f"pkill -x {names[0]}; systemctl restart {target.family.bind.unit}",
            )
    return None


def _running(target: Target, facts: Facts) -> list[Finding]:
    remark = by_hand(facts["active"], facts["by-hand"])
    is_absent = bool(facts["absent"]) or not facts["active"]
    packages = target.family.packages
    return [
        Finding(
            code="dns.named",
            ok=facts["active"] == "active" or bool(remark),
            what=_("BIND runs"),
            found=_("not installed") if is_absent else _with_log(facts["active"], facts),
            expected="active",
            hint=packages.hint
            if is_absent
            else _(
                "systemctl status {unit} and journalctl -u {unit} say why it does not.",
                unit=target.family.bind.unit,
            ),
            solution=packages.command(" ".join(packages_of(target).dns))
            if is_absent
            else f"named-checkconf -z; systemctl restart {target.family.bind.unit}",
            remark=remark,
        ),
        starts_at_boot(
            "dns.enabled",
            _("BIND starts at boot"),
            target.family.bind.unit,
            facts["enabled"],
        ),
    ]


def _with_log(found: str, facts: Facts) -> str:
    """What was found, and the line of BIND's log that explains it."""
    is_right = found == "active"
    return found if is_right or not facts["why"] else f"{found}: {facts['why']}"


def _files(host: Host, facts: Facts) -> Finding:
    """BIND refuses a wrong zone file and goes on with the zone that it had, or with none."""
    errors = facts.lines("error")
    is_wrong = bool(errors) and errors[-1].startswith("exit ")
    is_doubled = f".{host.domain}.{host.domain}" in facts["error"]
    return Finding(
        code="dns.files",
        ok=not is_wrong,
        what=_("BIND accepts its configuration and zone files"),
        found=errors[0] if is_wrong else _("accepted"),
        expected=_("accepted"),
        hint=_doubled() if is_doubled else _("The message names the file or the zone."),
        solution="named-checkconf -z",
    )


def _doubled() -> str:
    return _("The domain appears twice: how does a full name end in a zone file?")


def _zone(target: Target, facts: Facts) -> list[Finding]:
    host = target.host
    if not _answer(facts, "own", host.domain, "SOA"):
        missing = _record(host, "soa", f"{host.domain} SOA", "", f"{host.fqdn}. ...")
        return [_no_zone(target, facts) or replace(missing, found=_with_log(missing.found, facts))]
    if odd := _odd_soa(host, facts):
        return [odd]
    wanted = {
        "ns": (f"{host.domain} NS", f"{host.fqdn}."),
        "mx": (f"{host.domain} MX", f"10 {host.mail_name}."),
        **{
            name: (f"{name}.{host.domain} A", str(host.address))
            for name in (host.name, "www", "mail")
        },
    }
    return _together(
        [
            _in_another_way(
                host,
                facts,
                _record(host, key, what, _answer(facts, "own", *what.split()), expected),
            )
            for key, (what, expected) in wanted.items()
        ]
    )


def _in_another_way(host: Host, facts: Facts, record: Finding) -> Finding:
    """The finding with a remark if names lead to this host, though not by the name of the book."""
    lines = record.found.splitlines()
    if record.ok or record.code not in ("dns.zone.ns", "dns.zone.mx"):
        return record
    if record.code == "dns.zone.mx":
        ranked = [(int(number), name) for number, name in map(str.split, _mx(lines))]
        names = [name for number, name in ranked if number == min(ranked)[0]]
        leads = f"{host.mail_name}." in names and all(_is_here(host, facts, each) for each in names)
    else:
        names = [each for each in lines if _is_here(host, facts, each)]
        leads = bool(names)
    if not leads:
        return record
    others = [each for each in names if each != f"{host.mail_name}."]
    remark = _("{name} is this host, too", name=", ".join(others))
    return replace(record, ok=True, remark=remark)


def _mx(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if re.fullmatch(r"\d+ \S+", line)]


def _is_here(host: Host, facts: Facts, name: str) -> bool:
    return _answer(facts, "own", name.rstrip("."), "A") == str(host.address)


def _no_zone(target: Target, facts: Facts) -> Finding | None:
    """Why BIND, which runs with right files, does not answer for its zone."""
    if setting := why_no_answer(target, facts, asks_itself=_asks_itself(target)):
        return setting
    if not facts["configured"]:
        return None
    if target.host.domain not in facts["configured"].lower().splitlines():
        return _not_configured(target)
    # It has the zone of its configuration neither loaded nor tried: it has not read it yet.
    if facts["type"] or facts["silent"] or "permission denied" in facts["why"]:
        return None
    return Finding(
        code="dns.loaded",
        ok=False,
        what=_("BIND serves the zone file as it is"),
        found=_("BIND has not read it since it was mended"),
        expected=_("loaded"),
        hint=_("BIND reads a zone file when it is told to, not when the file changes."),
        solution="rndc reload",
    )


def _odd_soa(host: Host, facts: Facts) -> Finding | None:
    """A name in the SOA record that has the domain twice, because the dot at its end is missing."""
    server, mailbox = (*_answer(facts, "own", host.domain, "SOA").split(), "", "")[:2]
    doubled = f"{host.domain}.{host.domain}."
    wrong = next((each for each in (server, mailbox) if each.endswith(doubled)), "")
    if not wrong:
        return None
    found = _record(host, "soa", f"{host.domain} SOA", wrong, f"{host.fqdn}. ...")
    return replace(found, hint=_doubled())


def _together(records: list[Finding]) -> list[Finding]:
    """The records, of which those that are wrong in the same way are one finding.

    A wrong $ORIGIN moves all names behind it, and a wrong address is often copied.
    """
    found: dict[str, Finding] = {}
    for each in records:
        first = found.get(each.found)
        if each.ok or first is None:
            found[each.code if each.ok else each.found] = each
        else:
            found[each.found] = replace(
                first,
                what=f"{first.what}, {each.what}",
                solution=f"{first.solution}\n{each.solution}",
            )
    return list(found.values())


def _record(host: Host, key: str, what: str, found: str, expected: str) -> Finding:
    is_doubled = found.endswith(f".{host.domain}.{host.domain}.")
    kind = what.rpartition(" ")[2]
    return Finding(
        # The number before an MX name is a preference; with one MX any will do.
        code=f"dns.zone.{key}",
        ok=expected in found.splitlines()
        if kind == "NS"
        else _preferred(found, kind).split()[-1:] == expected.split()[-1:],
        what=what,
        found=found or _("no answer"),
        expected=expected,
        hint=_doubled()
        if is_doubled
        else _(
            "Ask BIND itself with dig @{address}, then compare it with the zone file.",
            address=host.address,
        ),
        solution=f"{what.split(maxsplit=1)[0]}. IN {kind} {expected}",
    )


def _preferred(found: str, kind: str) -> str:
    """The record that counts: of several MX the one with the lowest number, if it is alone."""
    lines = found.splitlines()
    if kind != "MX" or len(lines) < 2:
        return found if len(lines) < 2 else ""
    ranked = sorted((int(line.split()[0]), line) for line in lines)
    return ranked[0][1] if ranked[0][0] < ranked[1][0] else ""


def _kept(target: Target, facts: Facts) -> Finding | None:
    """BIND has the zone, and its configuration has it no more: the next start loses it."""
    domain = target.host.domain
    # named-checkconf loads only zones of which the host has the original.
    is_own = facts["type"] in ("primary", "master")
    # Names are the same in any letters (RFC 4343).
    if not is_own or domain in facts["configured"].lower().splitlines():
        return None
    return replace(
        _not_configured(target),
        what=_("BIND serves the zone after its next start too"),
        hint=_("BIND still has what it read at its start. What does named-checkconf -p show now?"),
    )


def _not_configured(target: Target) -> Finding:
    """The zone is not in BIND's configuration, or under another name."""
    domain, zones = target.host.domain, target.family.bind.zones
    return Finding(
        code="dns.loaded",
        ok=False,
        what=_("BIND has the zone {domain}", domain=domain),
        found=_("its configuration does not have the zone {domain}", domain=domain),
        expected=zones,
        hint=_("named-checkconf -z lists the zones of its configuration. Which names has it?"),
        solution=f'{zones}: zone "{domain}" {{ ... }};',
    )


def _loaded(host: Host, facts: Facts) -> Finding:
    # A file of the future, from a machine with another clock, tells nothing.
    loaded, now = facts.number("loaded"), facts.number("now")
    newer = [
        line.partition(" ")[2]
        for line in facts.lines("written")
        if loaded < int(line.partition(" ")[0]) <= now
    ]
    is_fresh = not newer
    return Finding(
        code="dns.loaded",
        ok=is_fresh,
        what=_("BIND serves the zone file as it is"),
        found=_("loaded")
        if is_fresh
        else _("{file} is newer than what BIND loaded", file=", ".join(newer)),
        expected=_("loaded"),
        hint=_("BIND reads a zone file when it is told to, not when the file changes."),
        solution=f"named-checkzone {host.domain} {_zone_file(facts)}; rndc reload",
    )


def _zone_file(facts: Facts) -> str:
    """The zone file itself, which BIND names before those that it includes."""
    return facts["written"].partition("\n")[0].partition(" ")[2]


def _resolver(target: Target, facts: Facts) -> list[Finding]:
    own = _finds_own(target, facts)
    # A server that does not answer for its zone is that server's finding, not this one's.
    if not own.ok or not all(_way(facts, "peer", target.peer.domain)):
        return [own]
    return [own, _finds_peer(target, facts)]


def _finds_own(target: Target, facts: Facts) -> Finding:
    there, found = (_way(facts, who, target.host.domain) for who in ("own", "found"))
    kind = facts["resolv-conf"]
    is_file = kind in ("", "regular file", "regular empty file")
    return Finding(
        code="dns.resolver",
        # The library asks this host itself if it cannot read the file; Postfix then does not start.
        ok=found == there and is_file,
        what=_("this server finds its own domain"),
        found=_line(found) if is_file else f"/etc/resolv.conf: {kind}",
        expected=_line(there),
        hint=_(
            "Which name server does this host ask? Now: {servers}",
            servers=", ".join(facts.lines("nameserver")) or "-",
        ),
        solution=f"/etc/resolv.conf: nameserver {_asked(target).address}",
    )


def _finds_peer(target: Target, facts: Facts) -> Finding:
    peer = target.peer
    there, found = (_way(facts, who, peer.domain) for who in ("peer", "found"))
    if found != there and (
        setting := why_no_answer(target, facts, asks_itself=_asks_itself(target))
    ):
        return setting
    if found != there and _asks_itself(target) and (setting := why_no_peer(target, facts)):
        return setting
    # An answer of the other zone, or its word that there is none, comes from memory.
    kept = _seconds_kept(facts, peer, [old != new for old, new in zip(found, there, strict=True)])
    is_old = found != there and kept is not None
    # A copy of the zone on this host is no memory: it stays as it is, however short its TTL.
    is_short = kept is not None and kept <= _SHORT and not facts["copy"]
    return Finding(
        code="dns.peer",
        ok=found == there or is_short,
        what=_("this server finds {domain}", domain=peer.domain),
        found=_line(found),
        expected=_line(there),
        hint=_("This answer is older than the zone. Where is it cached, and for how long?")
        if is_old
        else _(
            "{name} itself answers for it. How does this host's BIND find {name}?",
            name=peer.name,
        ),
        solution=f"rndc flush; rndc retransfer {peer.domain}"
        if is_old
        else f'{target.family.bind.zones}: zone "{peer.domain}" '
        f"{{ type forward; forward only; forwarders {{ {peer.address}; }}; }};",
    )


def _asks_itself(target: Target) -> bool:
    """Whether the host's programs ask its own BIND for every name."""
    return _asked(target) is target.host


def _asked(target: Target) -> Host:
    return target.lab.edition.parent if target.lab.with_parent else target.host


def _seconds_kept(facts: Facts, peer: Host, differs: Sequence[bool]) -> int | None:
    """How long this host's resolver will keep those of its answers that differ from the zone's.

    None if one of them is no answer from memory. `differs` is of the MX and of the A record. An
    answer without the record has the SOA.
    """
    soa = facts.lines(f"found-ttl {peer.domain}. SOA")
    records = (f"{peer.domain}. MX", f"{peer.mail_name}. A")
    left = [
        facts.lines(f"found-ttl {record}") or soa
        for record, is_other in zip(records, differs, strict=True)
        if is_other
    ]
    return max((int(text) for lines in left for text in lines), default=None) if all(left) else None


def _answer(facts: Facts, asked: str, name: str, kind: str) -> str:
    """The records, in an order of their own: a server changes it with every answer."""
    for _link in range(_ALIASES if kind == "A" else 0):
        name = facts[f"{asked} {name}. CNAME"].rstrip(".") or name
    return "\n".join(sorted(set(facts.lines(f"{asked} {name}. {kind}"))))


def _way(facts: Facts, asked: str, domain: str) -> list[str]:
    """What a mail to the domain asks for: the MX record and its host's address."""
    return [
        _answer(facts, asked, domain, "MX"),
        _answer(facts, asked, f"mail.{domain}", "A"),
    ]


def _line(answers: list[str]) -> str:
    return ", ".join(answer.replace("\n", " ") for answer in answers if answer) or _("no answer")


def _check_parent(target: Target) -> list[Finding]:
    hosts = target.lab.mail_hosts
    domains = [host.domain for host in hosts]
    unit = target.family.bind.unit
    facts = ask(target, _CHECK_PARENT, unit, str(target.host.address), *domains)
    running = _running(target, facts)
    if not running[0].ok:
        return running
    return [*running, *(_delegation(host, target.host.domain, facts) for host in hosts)]


def _delegation(host: Host, parent: str, facts: Facts) -> Finding:
    words = facts[host.domain].split()
    return Finding(
        code=f"dns.delegation.{host.domain}",
        ok=f"{host.fqdn}." in words and str(host.address) in words,
        what=_("{parent} delegates {domain}", parent=parent, domain=host.domain),
        found=facts[host.domain] or _("no answer"),
        expected=f"NS {host.fqdn}. A {host.address}",
        hint=_("A delegation is the child's name server and its address, in the parent's zone."),
        solution=f"{host.domain}. IN NS {host.fqdn}.",
    )
