"""What the resolver of a host finds, for its own domain and the other one."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.i18n import _
from labctl.lab import Host
from labctl.results import Finding
from provision.dns_answers import line, way
from provision.dns_next_start import why_no_answer, why_no_peer
from provision.facts import Facts
from provision.step import Target

# Seconds. What is forgotten within a minute corrects itself; a day-old answer does not.
_SHORT = 60


def resolver(target: Target, facts: Facts) -> list[Finding]:
    """What every program of the host finds for both domains."""
    own = _finds_own(target, facts)
    # A server that does not answer for its zone is that server's finding, not this one's.
    if not own.ok or not all(way(facts, "peer", target.peer.domain)):
        return [own]
    return [own, _finds_peer(target, facts)]


def _finds_own(target: Target, facts: Facts) -> Finding:
    there, found = (way(facts, who, target.host.domain) for who in ("own", "found"))
    kind = facts["resolv-conf"]
    is_file = kind in ("", "regular file", "regular empty file")
    return Finding(
        code="dns.resolver",
        # The library asks this host itself if it cannot read the file; Postfix then does not start.
        ok=found == there and is_file,
        what=_("this server finds its own domain"),
        found=line(found) if is_file else f"/etc/resolv.conf: {kind}",
        expected=line(there),
        hint=_(
            "Which name server does this host ask? Now: {servers}",
            servers=", ".join(facts.lines("nameserver")) or "-",
        ),
        solution=f"/etc/resolv.conf: nameserver {_asked(target).address}",
    )


def _finds_peer(target: Target, facts: Facts) -> Finding:
    peer = target.peer
    there, found = (way(facts, who, peer.domain) for who in ("peer", "found"))
    if found != there and (
        setting := why_no_answer(target, facts, asks_itself=asks_itself(target))
    ):
        return setting
    if found != there and asks_itself(target) and (setting := why_no_peer(target, facts)):
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
        found=line(found),
        expected=line(there),
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


def asks_itself(target: Target) -> bool:
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
