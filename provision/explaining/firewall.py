"""The rule of a firewall that stops packets between the hosts."""

from __future__ import annotations

import re

from provision.behaviour import Evidence
from provision.causes import Case, Told
from provision.packets import removal, stopped_by, to_port


def stops_to_peer(case: Case, port: int, protocol: str) -> str:
    """The rule of this host that stops what it asks of the other host, or the answer."""
    if case.peer is None:
        return ""
    rules = case.own.facts.lines("input")
    packet = to_port(case.own.host.address, case.peer.host.address, port, protocol)
    return stopped_by(rules, "OUTPUT", packet) or stopped_by(rules, "INPUT", packet.answer())


def stops_from_peer(case: Case, port: int, protocol: str) -> str:
    """The rule of this host that stops what the other host asks of it, or the answer."""
    if case.peer is None:
        return ""
    rules = case.own.facts.lines("input")
    packet = to_port(case.peer.host.address, case.own.host.address, port, protocol)
    return (
        stopped_by(rules, "INPUT", packet)
        or stopped_by(rules, "INPUT", packet.next())
        or stopped_by(rules, "OUTPUT", packet.answer())
    )


def stopped_by_nft(evidence: Evidence) -> str:
    """A rule of nftables itself that drops or rejects what concerns port 25, or ""."""
    for line in evidence.facts.lines("nft"):
        if re.search(r"dport (\{[^}]*\b25\b[^}]*\}|25\b).*\b(drop|reject)", line):
            return line.strip()
    return ""


def by_rule(case: Case, rule: str) -> Told | None:
    """A rule of this host's firewall as the cause, and how to take it away."""
    firewall = case.own.scene.family.firewall
    solution = removal(rule, firewall.listing) if rule.startswith("-A") else ""
    return Told(rule, solution=solution) if rule else None
