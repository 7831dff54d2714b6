"""The packet filters of a lab: what nft(8) reads, and what never passes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.providers.nspawn.resolvers import STAND_IN
from labctl.providers.nspawn.rules import Ends, WayOut, rules_inside, rules_on_machine

ENDS = Ends(IPv4Address("198.18.0.5"), IPv4Address("198.18.0.6"))
PORTS = st.integers(1, 65535) | st.just(25)
ADDRESSES = st.ip_addresses(v=4).map(str)
WAYS_OUT = st.none() | st.builds(
    WayOut,
    resolvers=st.lists(ADDRESSES, unique=True, max_size=3).map(tuple),
    ports=st.lists(PORTS, max_size=5).map(tuple),
    proxy_port=st.none() | PORTS,
    real_resolver=st.none() | ADDRESSES,
)


def both(way: WayOut | None) -> tuple[str, str]:
    inside = rules_inside(
        bridge="lab",
        uplink="uplink",
        cidr=IPv4Network("192.168.56.0/24"),
        gateway=IPv4Address("192.168.56.1"),
        ends=ENDS,
        way=way,
    )
    return inside, rules_on_machine("labctl_0123abcd", "lab-0123abcd", ENDS, way)


def chain(rules: str, name: str) -> list[str]:
    """The lines of one chain."""
    text = rules[rules.index(f"chain {name} {{") :]
    return [line.strip() for line in text[: text.index("\n  }")].splitlines()[1:]]


def accepted_ports(rules: str) -> set[int]:
    """Every TCP port that some rule accepts."""
    found: set[int] = set()
    for one, several in re.findall(r"tcp dport (?:(\d+)|\{ ([\d, ]+) \}) accept", rules):
        found.update(int(port) for port in (one or several).split(","))
    return found


@given(WAYS_OUT)
def test_mail_never_leaves_whatever_ports_are_asked_for(way: WayOut | None) -> None:
    for rules in both(way):
        assert 25 not in accepted_ports(rules)
        outward = chain(rules, "outward")
        assert (outward[0], outward[-1]) == ("tcp dport 25 drop", "drop")


@given(WAYS_OUT)
def test_what_was_asked_for_is_let_out(way: WayOut | None) -> None:
    wanted = set() if way is None else {*way.ports, way.proxy_port or 25} - {25}
    for rules in both(way):
        assert accepted_ports(rules) == wanted


@given(WAYS_OUT)
def test_nothing_goes_to_another_lab_or_with_a_foreign_address(way: WayOut | None) -> None:
    _inside, rules = both(way)
    forward = chain(rules, "forward")
    assert forward[1:4] == [
        'iifname "lab-0123abcd" ip saddr != 198.18.0.6 drop',
        'iifname "lab-0123abcd" oifname "lab-*" drop',
        'iifname "lab-0123abcd" jump outward',
    ]
    assert forward[-1] == 'oifname "lab-0123abcd" drop'
    assert chain(rules, "input")[-1] == "drop"


def test_a_closed_net_lets_nothing_out() -> None:
    for rules in both(None):
        assert accepted_ports(rules) == set()
        assert "dport 53" not in rules
        assert "dnat" not in rules


def test_a_resolver_in_the_labs_own_range_is_reached_by_a_stand_in() -> None:
    inside, rules = both(WayOut(resolvers=(STAND_IN,), real_resolver="192.168.56.254"))
    assert f"ip daddr {STAND_IN} " in chain(rules, "prerouting")[-1]
    assert "dnat ip to 192.168.56.254" in chain(rules, "prerouting")[-1]
    for each in (inside, rules):
        assert any("192.168.56.254" in line for line in chain(each, "outward"))


def nft(*words: str, rules: str) -> subprocess.CompletedProcess[str]:
    """The real nft, in a network namespace of its own."""
    own = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    return subprocess.run([*own, *words], input=rules, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
@pytest.mark.parametrize(
    "way",
    [
        None,
        WayOut(resolvers=()),
        WayOut(resolvers=("9.9.9.9", "1.1.1.1"), ports=(80, 443, 3142), proxy_port=8080),
        WayOut(resolvers=(), ports=(25,), proxy_port=25),
        WayOut(resolvers=(STAND_IN,), ports=(443, 443, 80), real_resolver="192.168.56.254"),
    ],
)
def test_the_real_nft_takes_the_rules_once_and_again(way: WayOut | None) -> None:
    # Twice in one namespace: the second replaces the first as a whole.
    script = (
        'rules=$(cat); for each in 1 2; do printf %s "$rules" | nft -f -; done; nft list ruleset'
    )
    for rules in both(way):
        done = nft("sh", "-ec", script, rules=rules)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("chain outward") == 1
        assert "dport 25 accept" not in done.stdout
