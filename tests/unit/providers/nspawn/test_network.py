"""The packet filter: nft(8) accepts it, and it never allows forbidden traffic."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.lab import Network
from labctl.providers.nspawn.network import LabNetwork, WayOut, _resolvers_in

NETWORK = Network(cidr=IPv4Network("192.168.56.0/24"), machine=IPv4Address("192.168.56.1"))
LAB = LabNetwork("0123abcd", NETWORK)
PORTS = st.integers(1, 65535) | st.just(25)
WAYS_OUT = st.none() | st.builds(
    WayOut,
    resolvers=st.lists(st.ip_addresses(v=4).map(str), unique=True, max_size=3).map(tuple),
    ports=st.lists(PORTS, max_size=5).map(tuple),
    proxy_port=st.none() | PORTS,
)


def accepted_ports(rules: str) -> set[int]:
    """Every TCP port that a rule accepts."""
    found: set[int] = set()
    for one, several in re.findall(r"tcp dport (?:(\d+)|\{ ([\d, ]+) \}) accept", rules):
        found.update(int(port) for port in (one or several).split(","))
    return found


@given(WAYS_OUT)
def test_mail_never_leaves_whatever_ports_are_asked_for(way_out: WayOut | None) -> None:
    rules = LAB.rules(way_out)
    assert 25 not in accepted_ports(rules)
    # The first rule for outgoing traffic drops port 25.
    outward = rules[rules.index("chain outward") : rules.index("chain forward")]
    lines = [line.strip() for line in outward.splitlines()]
    assert lines[1] == "tcp dport 25 drop"
    assert lines[-2] == "}" or "drop" in lines


@given(WAYS_OUT)
def test_what_was_asked_for_is_let_out(way_out: WayOut | None) -> None:
    wanted = set() if way_out is None else {*way_out.ports, way_out.proxy_port or 25} - {25}
    assert accepted_ports(LAB.rules(way_out)) == wanted


def test_a_closed_net_lets_nothing_out() -> None:
    rules = LAB.rules(None)
    assert accepted_ports(rules) == set()
    assert "dport 53" not in rules


def nft(*words: str, rules: str) -> subprocess.CompletedProcess[str]:
    """Run the real nft as root of a separate network namespace."""
    own = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    return subprocess.run([*own, *words], input=rules, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
@pytest.mark.parametrize(
    "way_out",
    [
        None,
        WayOut(resolvers=()),
        WayOut(resolvers=("9.9.9.9", "1.1.1.1"), ports=(80, 443, 3142), proxy_port=8080),
        WayOut(resolvers=(), ports=(25,), proxy_port=25),
        WayOut(resolvers=(), ports=(443, 443, 80)),
    ],
)
def test_the_real_nft_takes_the_rules_once_and_again(way_out: WayOut | None) -> None:
    # Load it twice in one namespace: the second table replaces the first.
    script = (
        'rules=$(cat); for each in 1 2; do printf %s "$rules" | nft -f -; done; nft list ruleset'
    )
    done = nft("sh", "-ec", script, rules=LAB.rules(way_out))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("chain outward") == 1
    assert "dport 25 accept" not in done.stdout


def resolvers(*lines: str) -> Sequence[str]:
    return _resolvers_in("\n".join(lines))


def test_only_name_servers_that_a_host_can_reach_are_passed_on() -> None:
    assert resolvers("search example", "nameserver 127.0.0.53", "nameserver ::1") == ()
    assert resolvers("nameserver 192.0.2.1 # office", "nameserver", "nameserver x") == (
        "192.0.2.1",
    )
    assert resolvers("#nameserver 192.0.2.9", "nameserver fe80::1%eth0") == ()


def test_names_fit_what_the_kernel_allows() -> None:
    # IFNAMSIZ, netdevice(7): 15 letters.
    assert len(LAB.bridge) <= 15
    assert LAB.table.isidentifier()
