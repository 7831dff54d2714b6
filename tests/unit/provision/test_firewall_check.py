"""A filter counts if it blocks incoming traffic, in whatever form it is written."""

from __future__ import annotations

import pytest

from provision.facts import Facts
from provision.firewall_check import _active, _once_for_each_cause, _outgoing, _port
from tests.fakes.host import FakeHost
from tests.fakes.target import fake_target

TARGET = fake_target(FakeHost("host1"))


def chain(hook: str, *rules: str, policy: str = "accept") -> str:
    lines = [f"type filter hook {hook} priority filter; policy {policy};", *rules]
    return "\n".join(
        ["table inet lab {", "\tchain one {", *(f"\t\t{line}" for line in lines), "}", "}"]
    )


def facts_of(**said: str) -> Facts:
    return Facts({key.replace("_", "-"): text.splitlines() for key, text in said.items()})


def on(nft: str = "", policy: str = "-P INPUT ACCEPT", **boots: str) -> bool:
    said = facts_of(nft=nft, rule=policy, ufw="no", boot="disabled", **boots)
    return _active(TARGET, said).ok


def saved(nft: str) -> bool:
    """Whether a filter in nftables counts that is in the file of its service, too."""
    return on(nft, nft_file=nft, boot_nft="enabled")


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
    assert saved(nft)
    assert on(nft, nft_file='include "/etc/nftables/*.nft"', boot_nft="enabled")
    # Typed, and in no file that is loaded at boot.
    assert not on(nft, nft_file="flush ruleset", boot_nft="enabled")
    assert not on(nft, nft_file=nft, boot_nft="disabled")


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
    assert not saved(nft)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 25 -j ACCEPT", True),
        ("-P INPUT ACCEPT\n-A INPUT -j REJECT --reject-with icmp-port-unreachable", True),
        ("-P INPUT ACCEPT\n-A INPUT -s 10.0.0.0/8 -j DROP", False),
        ("-P INPUT DROP\n-A INPUT -j ufw-user\n-A ufw-user -j ACCEPT", False),
        ("-P INPUT ACCEPT\n-A INPUT -j ufw-user\n-A ufw-user -j DROP", True),
    ],
)
def test_a_filter_of_iptables(policy: str, expected: bool) -> None:
    for unit in ("boot_other", "boot_netfilter", "boot_firewalld"):
        assert on(policy=policy, **{unit: "enabled"}) is expected
    # nftables.service loads no rules of iptables that were typed.
    assert not on(policy=policy, boot_nft="enabled")


def test_the_rules_of_iptables_that_nft_shows_are_no_filter_of_their_own() -> None:
    shown = chain("input", policy="drop").replace("chain one", "chain INPUT")
    assert not on(shown, "-P INPUT DROP\n-A INPUT -j ACCEPT", nft_file=shown, boot_nft="enabled")


def test_rules_may_be_loaded_by_a_unit_of_ones_own() -> None:
    said = {"rule": "-P INPUT DROP", "ufw": "no", "boot": "disabled"}
    assert not _active(TARGET, facts_of(**said, boot_other="disabled")).ok
    assert _active(TARGET, facts_of(**said, boot_other="disabled\nenabled")).ok


UFW = {"ufw": "yes", "boot": "enabled"}
SAVED = "-A ufw-user-input -p tcp --dport 22 -j ACCEPT"
BY_HAND = "-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 25 -j ACCEPT\n-A INPUT -j ufw-user-input"


def test_a_port_that_a_rule_by_hand_opens_is_closed_after_a_boot() -> None:
    found = _port(facts_of(rule=BY_HAND, saved=SAVED, **UFW), TARGET, 25, "tcp", "open")
    assert (found.ok, found.found) == (False, "open until the next boot")
    assert found.solution == "ufw allow 25/tcp"


def test_a_port_that_ufw_opens_stays_open() -> None:
    saved = SAVED + "\n-A ufw-user-input -p tcp --dport 25 -j ACCEPT"
    assert _port(facts_of(rule=BY_HAND, saved=saved, **UFW), TARGET, 25, "tcp", "open").ok


def test_rules_that_are_flushed_come_back_with_the_next_boot() -> None:
    flushed = facts_of(
        rule="-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n-N ufw-before-input\n-N ufw-user-input",
        saved=SAVED + "\n-A ufw-user-input -p tcp --dport 25 -j ACCEPT",
        before="-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        policy="DROP",
        policy_out="ACCEPT",
        **UFW,
    )
    assert _active(TARGET, flushed).found == "off"
    assert _port(flushed, TARGET, 25, "tcp", "open").ok
    assert not _port(flushed, TARGET, 143, "tcp", "open").ok
    assert _outgoing(TARGET, flushed) == []


def test_rules_without_ufw_are_judged_as_they_are() -> None:
    assert _port(facts_of(rule=BY_HAND, **UFW), TARGET, 25, "tcp", "open").ok
    # The files of a ufw that is off.
    assert _port(facts_of(rule=BY_HAND, saved=SAVED, ufw="no"), TARGET, 25, "tcp", "open").ok


def test_both_protocols_of_a_closed_port_are_one_finding() -> None:
    facts = facts_of(rule="-P INPUT DROP", tcp="LISTEN 0 9 0.0.0.0:53", udp="UNCONN 0 0 0.0.0.0:53")
    ports = [
        _port(facts, TARGET, 53, "tcp", "silent"),
        _port(facts, TARGET, 53, "udp", "silent"),
        _port(facts, TARGET, 143, "tcp", "silent"),
    ]
    first, other = _once_for_each_cause(ports)
    assert first.what == "port 53/tcp from outside, port 53/udp from outside"
    assert first.solution == "ufw allow 53/tcp\nufw allow 53/udp"
    assert other.code == "firewall.port-143-tcp"


def test_the_two_rules_that_ufw_makes_of_one_are_one_finding() -> None:
    rules = [f"-A ufw-user-input -p {each} -m {each} --dport 53 -j DROP" for each in ("tcp", "udp")]
    facts = facts_of(
        rule="\n".join(["-P INPUT DROP", "-A INPUT -j ufw-user-input", *rules]),
        tcp="LISTEN 0 9 0.0.0.0:53",
        udp="UNCONN 0 0 0.0.0.0:53",
    )
    ports = [_port(facts, TARGET, 53, protocol, "silent") for protocol in ("tcp", "udp")]
    [one] = _once_for_each_cause(ports)
    assert one.found == rules[0]
