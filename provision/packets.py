"""Which rule stops a packet? Follows a packet through the rules that `iptables -S` prints.

A student's rule can stand in a chain of ufw or before all of them, name a port, a list of ports, an
address or the state of a connection. Searching the text for a port misses most of these.

Source: iptables(8), iptables-extensions(8).
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, ip_network

# A port as clients have it.
_CLIENT_PORT = 50000
_STOPS = ("DROP", "REJECT")
# Chains may call each other in a circle only in a ruleset that the kernel refuses.
_DEPTH = 20


@dataclass(frozen=True)
class Packet:
    """A packet between two hosts. `in_connection` if it is not the first one of a connection.

    `card` is the network card of the host that filters, "" if it is not known.
    """

    source: IPv4Address
    target: IPv4Address
    protocol: str
    source_port: int
    target_port: int
    in_connection: bool = False
    card: str = ""

    def answer(self) -> Packet:
        """The packet that comes back."""
        return replace(
            self,
            source=self.target,
            target=self.source,
            source_port=self.target_port,
            target_port=self.source_port,
            in_connection=True,
        )

    def next(self) -> Packet:
        """A later packet of the same connection in the same direction."""
        return replace(self, in_connection=True)


def to_port(
    source: IPv4Address, target: IPv4Address, port: int, protocol: str = "tcp", card: str = ""
) -> Packet:
    """The first packet of a client to a server's port."""
    return Packet(source, target, protocol, _CLIENT_PORT, port, card=card)


def stopped_by(rules: Sequence[str], chain: str, packet: Packet) -> str:
    """The rule that drops or rejects the packet, or "" if it passes.

    Args:
        rules: the lines of `iptables -S`.
        chain: INPUT or OUTPUT.

    Returns:
        The line of the rule, or that of the chain's policy: `-P INPUT DROP`.
    """
    chains: dict[str, list[str]] = defaultdict(list)
    policy = ""
    for line in rules:
        words = line.split()
        if line.startswith("-A ") and len(words) > 1:
            chains[words[1]].append(line)
        elif words[:2] == ["-P", chain] and words[-1] in _STOPS:
            policy = line
    verdict = _verdict(chains, chain, packet, _DEPTH)
    return policy if verdict is None else verdict


def is_for_all(rule: str) -> bool:
    """Whether the rule has no condition, as a chain's policy has none."""
    return rule.startswith("-P") or not _parsed(rule)[0]


def removal(rule: str, listing: str) -> str:
    """The command that takes a rule away; `listing` if the rule is in a chain of the firewall."""
    if rule.startswith("-A ") and not rule.startswith(("-A ufw", "-A IN_")):
        return rule.replace("-A ", "iptables -D ", 1)
    return listing


def _verdict(chains: dict[str, list[str]], chain: str, packet: Packet, depth: int) -> str | None:
    """The rule that stops the packet, "" if one lets it pass, None if the chain says nothing."""
    for line in chains.get(chain, ()):
        conditions, action = _parsed(line)
        if not action or not all(_holds(*each, packet) for each in conditions):
            continue
        if action in _STOPS:
            return line
        if action == "ACCEPT":
            return ""
        if action == "RETURN":
            return None
        if action in chains and depth:
            verdict = _verdict(chains, action, packet, depth - 1)
            if verdict is not None:
                return verdict
    return None


# A check follows two dozen packets through the same rules.
@lru_cache(maxsize=1024)
def _parsed(line: str) -> tuple[tuple[tuple[str, str, bool], ...], str]:
    """The conditions (option, value, whether it is denied) and the action of a rule."""
    try:
        words = shlex.split(line)[2:]
    except ValueError:
        return (), ""
    conditions: list[tuple[str, str, bool]] = []
    is_denied, at = False, 0
    while at < len(words):
        word = words[at]
        # All options of iptables -S have one value, but --tcp-flags has two.
        value = words[at + 1] if at + 1 < len(words) else ""
        if word == "!":
            is_denied = True
            at += 1
            continue
        if word in ("-j", "-g"):
            return tuple(conditions), value
        if word == "--tcp-flags":
            value, at = " ".join(words[at + 1 : at + 3]), at + 1
        if word not in ("-m", "--comment"):
            conditions.append((word, value, is_denied))
        is_denied = False
        at += 2
    return tuple(conditions), ""


def _holds(option: str, value: str, is_denied: bool, packet: Packet) -> bool:
    """Whether a condition is true. An unknown one is not: its rule is passed over."""
    answer = _answer(option, value, packet)
    return answer is not None and answer != is_denied


def _answer(option: str, value: str, packet: Packet) -> bool | None:
    answer: bool | None = None
    match option:
        case "-s":
            answer = _within(packet.source, value)
        case "-d":
            answer = _within(packet.target, value)
        case "-p":
            answer = value in (packet.protocol, "all")
        case "-i" | "-o":
            answer = _is_card(packet.card, value)
        case "--dport" | "--dports":
            answer = _in_ports(packet.target_port, value)
        case "--sport" | "--sports":
            answer = _in_ports(packet.source_port, value)
        case "--ctstate" | "--state":
            answer = ("ESTABLISHED" if packet.in_connection else "NEW") in value.split(",")
        case "--tcp-flags" if value == "FIN,SYN,RST,ACK SYN":
            # iptables -S prints --syn like this.
            answer = not packet.in_connection
        case "--uid-owner" if value in ("0", "root"):
            # Postfix and BIND speak to other hosts as users of their own.
            answer = False
        case "--dst-type":
            answer = value == "LOCAL"
    return answer


def _is_card(card: str, value: str) -> bool:
    """Whether a rule for a card, or for all that begin with a word (`eth+`), is for this one."""
    if not card:
        # It is not on the loopback.
        return value != "lo"
    return card.startswith(value[:-1]) if value.endswith("+") else card == value


def _within(address: IPv4Address, network: str) -> bool | None:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return None


def _in_ports(port: int, value: str) -> bool:
    for each in value.split(","):
        first, _colon, last = each.partition(":")
        if first.isdecimal() and int(first) <= port <= int(last or first):
            return True
    return False
