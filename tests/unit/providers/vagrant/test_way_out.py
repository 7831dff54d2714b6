"""What may leave a Vagrant machine."""

from __future__ import annotations

from ipaddress import IPv4Network

from labctl.providers.vagrant.way_out import filter_rules

LAB = IPv4Network("192.168.56.0/24")


def test_mail_never_leaves_and_the_web_only_while_open() -> None:
    for is_open in (True, False):
        rules = filter_rules(LAB, is_open).splitlines()
        mail = next(n for n, rule in enumerate(rules) if "dport 25 reject" in rule)
        accepted_after = [rule for rule in rules[mail:] if "accept" in rule]
        assert bool(accepted_after) is is_open
        assert "reject with icmpx" in rules[-3]
