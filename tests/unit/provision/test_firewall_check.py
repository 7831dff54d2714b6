"""A filter counts if it blocks incoming traffic, in whatever form it is written."""

from __future__ import annotations

import pytest

from provision.facts import Facts
from provision.firewall_check import _active
from provision.ufw import Ufw


def chain(hook: str, *rules: str, policy: str = "accept") -> str:
    lines = [f"type filter hook {hook} priority filter; policy {policy};", *rules]
    return "\n".join(
        ["table inet lab {", "\tchain one {", *(f"\t\t{line}" for line in lines), "}", "}"]
    )


def on(nft: str = "", policy: str = "-P INPUT ACCEPT") -> bool:
    said = {"nft": nft, "rule": policy, "ufw": "no", "boot": "disabled", "boot-nft": "enabled"}
    return _active(Ufw(), Facts({key: text.splitlines() for key, text in said.items()})).ok


@pytest.mark.parametrize(
    "nft",
    [
        chain("input", "tcp dport 25 accept", policy="drop"),
        chain("input", "tcp dport 25 accept", "drop"),
        chain("input", "tcp dport 25 accept", "counter packets 3 bytes 180 drop"),
        chain("input", "tcp dport 25 accept", "reject with icmpx admin-prohibited"),
        chain("output") + "\n" + chain("input", policy="drop"),
    ],
)
def test_a_filter_in_nftables(nft: str) -> None:
    assert on(nft)


@pytest.mark.parametrize(
    "nft",
    [
        "",
        chain("input", "ct state invalid drop", "tcp dport 25 reject with tcp reset"),
        chain("forward", "drop", policy="drop"),
        chain("output", "reject") + "\n" + chain("input"),
    ],
)
def test_what_lets_everything_in_is_none(nft: str) -> None:
    assert not on(nft)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 25 -j ACCEPT", True),
        ("-P INPUT ACCEPT\n-A INPUT -j REJECT --reject-with icmp-port-unreachable", True),
        ("-P INPUT ACCEPT\n-A INPUT -s 10.0.0.0/8 -j DROP", False),
    ],
)
def test_a_filter_of_iptables(policy: str, expected: bool) -> None:
    assert on(policy=policy) is expected
