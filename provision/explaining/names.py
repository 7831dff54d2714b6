"""Why the other host cannot ask this one's name server."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network

from labctl.i18n import N_
from provision.causes import Case, Explanation, Told
from provision.explaining.submission import told_by
from provision.explaining.transport import by_rule, stops_from_peer, stops_to_peer


def _members(line: str) -> list[str]:
    """The words of a list of addresses: allow-query { "lab"; 192.168.56.0/24; };"""
    inside = line.partition("{")[2].partition("}")[0]
    return [word.strip() for word in inside.split(";") if word.strip()]


def _has(members: Sequence[str], acls: Sequence[str], address: IPv4Address) -> bool:
    """Whether the list has the address. The first member that fits counts (BIND's manual)."""
    for word in members:
        is_excluded, name = word.startswith("!"), word.lstrip("! ").strip('"')
        named = [line for line in acls if re.match(rf'\s*acl "{re.escape(name)}" ', line)]
        if named:
            fits = any(_has(_members(line), acls, address) for line in named)
        elif name in ("any", "localnets"):
            fits = True
        else:
            try:
                fits = address in IPv4Network(name, strict=False)
            except ValueError:
                # localhost, none, a key or an IPv6 network.
                fits = False
        if fits:
            return not is_excluded
    return False


def _limited(key: str) -> Callable[[Case], Told | None]:
    """A list of BIND in which the other host is not."""

    def holds(case: Case) -> Told | None:
        peer = case.peer.host.address if case.peer else None
        for line in case.own.facts.lines(key):
            if peer and not _has(_members(line), case.own.facts.lines("acl"), peer):
                return Told(line.strip())
        return None

    return holds


def _closed_to_peer(case: Case) -> Told | None:
    """This host's firewall stops the question of the other host, or the answer to it."""
    return by_rule(case, stops_from_peer(case, 53, "udp"))


def _closed_from_here(case: Case) -> Told | None:
    """Turned: this host asks, and its own firewall stops the question or the answer."""
    return by_rule(case, stops_to_peer(case, 53, "udp"))


_ROUTE = N_("Is there a route to the other host? Run ip route get with its address.")


def _no_route(*, at_peer: bool) -> Explanation:
    return Explanation(
        "firewall.route", told_by("no-route"), N_("the way to the other host"), N_("open"),
        _ROUTE, "ip route", at_peer,
    )  # fmt: skip


NAMES = (
    _no_route(at_peer=True),
    _no_route(at_peer=False),
    Explanation("firewall.peer", _closed_to_peer, N_("packets of the other host"), N_("open"),
                N_("A port may be open to some and closed to others. Which rule concerns the other "
                   "host?")),
    Explanation("firewall.peer", _closed_from_here, N_("packets to the other host"), N_("open"),
                N_("A firewall has rules for both directions: iptables -S OUTPUT"), at_peer=True),
    Explanation("dns.blackhole", told_by("blackhole"), "blackhole", N_("not set"),
                N_("Which clients does BIND ignore? named-checkconf -p shows it.")),
    Explanation("dns.match-clients", _limited("match-clients"), "match-clients", "any",
                N_("A view answers only its own clients. Is the other host one of them?")),
    Explanation("dns.allow-query", _limited("allow-query"), "allow-query", N_("the lab's hosts"),
                N_("Which clients may ask BIND? dig on the other host shows its answer."),
                "allow-query { any; };"),
)  # fmt: skip
