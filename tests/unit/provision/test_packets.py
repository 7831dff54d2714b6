"""Which rule of iptables stops a packet, in the chains that ufw makes and before them."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from provision.packets import Packet, is_for_all, removal, stopped_by, to_port

HOST1, HOST2 = IPv4Address("192.168.56.101"), IPv4Address("192.168.56.102")
MAIL = to_port(HOST2, HOST1, 25)
QUESTION = to_port(HOST2, HOST1, 53, "udp")

# What ufw makes, without the chains that only write a log.
UFW = """
-P INPUT DROP
-P OUTPUT ACCEPT
-N ufw-before-input
-N ufw-user-input
-N ufw-not-local
-A INPUT -j ufw-before-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 25 -m comment --comment "mail -j DROP" -j ACCEPT
-A ufw-user-input -p tcp -m tcp --dport 110:143 -j ACCEPT
""".strip().splitlines()


def first(*rules: str) -> list[str]:
    """ufw's rules, with others before them, as `iptables -I` puts them."""
    at = UFW.index("-A INPUT -j ufw-before-input")
    return [*UFW[:at], *rules, *UFW[at:]]


@pytest.mark.parametrize(
    ("packet", "rule"),
    [
        (MAIL, ""),
        (to_port(HOST2, HOST1, 143), ""),
        (to_port(HOST2, HOST1, 144), "-P INPUT DROP"),
        (QUESTION, "-P INPUT DROP"),
        (QUESTION.next(), ""),
    ],
)
def test_ufw_lets_in_what_it_was_told(packet: Packet, rule: str) -> None:
    assert stopped_by(UFW, "INPUT", packet) == rule


@pytest.mark.parametrize(
    "rule",
    [
        "-A INPUT -p tcp -m tcp --dport 25 -j DROP",
        "-A INPUT -p tcp -m multiport --dports 20:30,143 -j REJECT --reject-with tcp-reset",
        "-A INPUT -s 192.168.56.102/32 -j DROP",
        "-A INPUT -s 192.168.56.0/24 -i host0 -j DROP",
        "-A INPUT ! -s 192.168.56.1/32 -p tcp -j DROP",
        "-A INPUT -p tcp -m conntrack --ctstate NEW -j DROP",
        "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP",
        "-A INPUT -j DROP",
    ],
)
def test_the_rule_that_stops_mail(rule: str) -> None:
    assert stopped_by(first(rule), "INPUT", MAIL) == rule


@pytest.mark.parametrize(
    "rule",
    [
        "-A INPUT -p udp -m udp --dport 25 -j DROP",
        "-A INPUT -p tcp -m tcp --sport 25 -j DROP",
        "-A INPUT -s 192.168.56.1/32 -j DROP",
        "-A INPUT -i lo -j DROP",
        "-A INPUT -p tcp -m conntrack --ctstate ESTABLISHED -j DROP",
        # Whether these hold is not known, so they are passed over.
        "-A INPUT -m recent --update --seconds 30 --hitcount 6 --name DEFAULT -j DROP",
        "-A INPUT -p tcp -m tcp --dport 25 -j LOG",
    ],
)
def test_rules_that_let_mail_through(rule: str) -> None:
    assert stopped_by(first(rule), "INPUT", MAIL) == ""


def test_an_established_connection_may_be_stopped_later() -> None:
    rule = "-A INPUT -p tcp -m tcp --dport 25 -m conntrack --ctstate ESTABLISHED -j DROP"
    assert stopped_by(first(rule), "INPUT", MAIL) == ""
    assert stopped_by(first(rule), "INPUT", MAIL.next()) == rule


def test_an_answer_that_is_not_let_in() -> None:
    rule = "-A INPUT -p tcp -m tcp --sport 25 -j DROP"
    mail = to_port(HOST1, HOST2, 25)
    assert stopped_by(first(rule), "OUTPUT", mail) == ""
    assert stopped_by(first(rule), "INPUT", mail.answer()) == rule


def test_a_chain_of_ones_own_may_return() -> None:
    rules = [
        "-P INPUT ACCEPT",
        "-A INPUT -j mine",
        "-A INPUT -p tcp -m tcp --dport 25 -j REJECT",
        "-A mine -s 192.168.56.102/32 -j RETURN",
        "-A mine -j DROP",
    ]
    assert stopped_by(rules, "INPUT", MAIL) == rules[2]
    assert stopped_by(rules, "INPUT", to_port(HOST1, HOST1, 25)) == rules[4]


def test_a_chain_that_calls_itself_ends() -> None:
    assert stopped_by(["-A INPUT -j INPUT"], "INPUT", MAIL) == ""


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("-P INPUT DROP", True), ("-A INPUT -j DROP", True), ("-A INPUT -p tcp -j DROP", False)],
)
def test_a_rule_without_a_condition(rule: str, expected: bool) -> None:
    assert is_for_all(rule) is expected


def test_how_a_rule_is_taken_away() -> None:
    assert (
        removal("-A INPUT -s 10.0.0.1/32 -j DROP", "list")
        == "iptables -D INPUT -s 10.0.0.1/32 -j DROP"
    )
    assert removal("-A ufw-user-input -p tcp -j DROP", "list") == "list"


def test_a_rule_for_all_users_but_root_stops_the_servers() -> None:
    rule = "-A OUTPUT -p tcp -m tcp --dport 25 -m owner ! --uid-owner 0 -j REJECT"
    for_root = rule.replace("! ", "")
    assert stopped_by([rule], "OUTPUT", MAIL) == rule
    assert stopped_by([for_root], "OUTPUT", MAIL) == ""
