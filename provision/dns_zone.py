"""What BIND answers for the host's own zone, and why it does not have the zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from labctl.i18n import _
from labctl.lab import Host
from labctl.results import Finding
from provision.bind_settings import parsed
from provision.dns_answers import answer
from provision.dns_next_start import why_no_answer
from provision.dns_resolving import asks_itself
from provision.facts import Facts
from provision.step import Target


def named_files(host: Host, facts: Facts) -> Finding:
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


def records_of_zone(target: Target, facts: Facts) -> list[Finding]:
    """The records that BIND answers, or the one finding that it does not have the zone."""
    host = target.host
    if not answer(facts, "own", host.domain, "SOA"):
        missing = _record(host, "soa", f"{host.domain} SOA", "", f"{host.fqdn}. ...")
        return [_no_zone(target, facts) or replace(missing, found=with_log(missing.found, facts))]
    soa = answer(facts, "in-file", host.domain, "SOA")
    if (odd := _odd_soa(host, facts)) and (not soa or _doubled_name(host, soa)):
        return [odd]
    mended = {each.code for each in _records(host, facts, "in-file") if each.ok}
    # What is right in the file and wrong in BIND's answer is the finding that BIND has not read it.
    wrong_too = [
        each for each in _records(host, facts, "own") if each.ok or each.code not in mended
    ]
    return _together([_in_another_way(host, facts, each) for each in wrong_too])


def _records(host: Host, facts: Facts, asked: str) -> list[Finding]:
    """The records as BIND answers them (`own`) or as its file has them (`in-file`)."""
    wanted = {
        "ns": (f"{host.domain} NS", f"{host.fqdn}."),
        "mx": (f"{host.domain} MX", f"10 {host.mail_name}."),
        **{
            name: (f"{name}.{host.domain} A", str(host.address))
            for name in (host.name, "www", "mail")
        },
    }
    return [
        _record(host, key, what, answer(facts, asked, *what.split()), expected)
        for key, (what, expected) in wanted.items()
    ]


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
    return answer(facts, "own", name.rstrip("."), "A") == str(host.address)


def _no_zone(target: Target, facts: Facts) -> Finding | None:
    """Why BIND, which runs with right files, does not answer for its zone."""
    setting = why_no_answer(target, facts, asks_itself=asks_itself(target))
    if told := setting or _other_zone(target, facts) or _other_options(target, facts):
        return told
    if not facts["configured"]:
        return None
    if target.host.domain not in facts["configured"].lower().splitlines():
        return _not_configured(target)
    if "journal" in facts["why"]:
        return _out_of_step(facts)
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


def _other_zone(target: Target, facts: Facts) -> Finding | None:
    """The zone is not of the type whose file is on this host."""
    zone = parsed(facts.lines("settings")).zone(target.host.domain)
    kind = zone.within("type") if zone else None
    if kind is None or kind.words[-1] in ("primary", "master"):
        return None
    return Finding(
        code="dns.zone-type",
        ok=False,
        what=_("BIND has the zone {domain}", domain=target.host.domain),
        found=kind.text,
        expected="type master;",
        hint=_("Which server has the original of this zone? The type of the zone says it."),
        solution=f'{target.family.bind.zones}: zone "{target.host.domain}" '
        '{ type master; file "..."; };',
    )


def _other_options(target: Target, facts: Facts) -> Finding | None:
    """BIND runs with an option of its command line by which it cannot be asked as usual."""
    found = odd_option(facts["by-hand"].partition("\n")[0])
    if not found:
        return None
    return Finding(
        code="dns.options",
        ok=False,
        what=_("the options with which BIND runs"),
        found=found,
        expected=f"-u {target.family.bind.group}",
        hint=_("ps -o args -C named shows how BIND was started. Where does it listen?"),
        solution=f'/etc/default/named: OPTIONS="-u {target.family.bind.group}"',
    )


def odd_option(command: str) -> str:
    """The option of a command line of named by which it is not asked at port 53 over IPv4."""
    words = command.split()
    port = next((f"-p {b}" for a, b in pairwise(words) if a == "-p" and b != "53"), "")
    return port or ("-6" if "-6" in words else "")


def _out_of_step(facts: Facts) -> Finding:
    """The file of a zone that BIND itself writes was edited, and its journal is of another file."""
    return Finding(
        code="dns.journal",
        ok=False,
        what=_("BIND loads the zone"),
        found=facts["why"],
        expected=_("loaded"),
        hint=_(
            "BIND keeps changes of a dynamic zone in a journal beside its file. Does the journal "
            "belong to this file?"
        ),
        solution="rndc freeze; rm *.jnl; rndc thaw",
    )


def _odd_soa(host: Host, facts: Facts) -> Finding | None:
    """A name in the SOA record that has the domain twice, because the dot at its end is missing."""
    wrong = _doubled_name(host, answer(facts, "own", host.domain, "SOA"))
    if not wrong:
        return None
    found = _record(host, "soa", f"{host.domain} SOA", wrong, f"{host.fqdn}. ...")
    return replace(found, hint=_doubled())


def _doubled_name(host: Host, soa: str) -> str:
    doubled = f"{host.domain}.{host.domain}."
    return next((each for each in soa.split()[:2] if each.endswith(doubled)), "")


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


def kept_changes(target: Target, facts: Facts) -> Finding | None:
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


def zone_loaded(host: Host, facts: Facts) -> Finding:
    """Whether BIND has read the zone's files since they were edited."""
    # A file of the future, from a machine with another clock, tells nothing.
    loaded, now = facts.number("loaded"), facts.number("now")
    newer = [
        line.partition(" ")[2]
        for line in facts.lines("written")
        if loaded < int(line.partition(" ")[0]) <= now
    ]
    is_fresh = not newer and not _differs(host, facts)
    return Finding(
        code="dns.loaded",
        ok=is_fresh,
        what=_("BIND serves the zone file as it is"),
        found=_("loaded")
        if is_fresh
        else _("{file} is newer than what BIND loaded", file=", ".join(newer))
        if newer
        else _("{file} has other records than BIND", file=facts.lines("placed")[0]),
        expected=_("loaded"),
        hint=_("BIND reads a zone file when it is told to, not when the file changes.")
        if is_fresh or newer
        else _("rndc reload passes over a file that is older than what BIND loaded. See ls -l."),
        solution=f"named-checkzone {host.domain} {_zone_file(facts)}; "
        + ("rndc reload" if is_fresh or newer else "systemctl restart named"),
    )


def _differs(host: Host, facts: Facts) -> bool:
    """Whether a file that came to its place after BIND loaded the zone has something else.

    Another owner or mode makes no difference.
    """
    names = (host.domain, *(f"{name}.{host.domain}" for name in (host.name, "www", "mail")))
    keys = [f"{name}. {kind}" for name in names for kind in ("SOA", "NS", "MX", "A", "CNAME")]
    start = f"{host.domain}. SOA"
    is_known = bool(facts[f"in-file {start}"] and facts[f"own {start}"])
    return is_known and any(
        sorted(set(facts.lines(f"in-file {key}"))) != sorted(set(facts.lines(f"own {key}")))
        for key in keys
    )


def _zone_file(facts: Facts) -> str:
    """The zone file itself, which BIND names before those that it includes."""
    written = facts["written"].partition("\n")[0].partition(" ")[2]
    return written or facts["placed"].partition("\n")[0]


def with_log(found: str, facts: Facts) -> str:
    """What was found, and the line of BIND's log that explains it."""
    is_right = found == "active"
    return found if is_right or not facts["why"] else f"{found}: {facts['why']}"
