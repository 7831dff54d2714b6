"""What labctl reads from a machine, and the rules for its outgoing traffic."""

from __future__ import annotations

from ipaddress import IPv4Network

from labctl.providers.vagrant.guest import filter_rules, quoted, read_prepared

LAB = IPv4Network("192.168.56.0/24")


def test_keys_and_resolvers_are_found_between_other_lines() -> None:
    output = (
        "Welcome\nlabctl-hostkey ssh-ed25519 AAAAC3\n"
        "labctl-resolver 10.0.2.3\nlabctl-resolver 1.1.1.1\nbye\n"
    )
    prepared = read_prepared(output)
    assert prepared.host_keys == ("ssh-ed25519 AAAAC3",)
    assert prepared.resolvers == ("10.0.2.3", "1.1.1.1")


def test_arguments_reach_the_machines_shell_as_they_are() -> None:
    assert quoted("ssh-ed25519 AAAA labctl", "$(reboot)") == (
        "'ssh-ed25519 AAAA labctl'",
        "'$(reboot)'",
    )


def test_mail_never_leaves_and_the_web_only_while_open() -> None:
    for is_open in (True, False):
        rules = filter_rules(LAB, is_open).splitlines()
        mail = next(n for n, rule in enumerate(rules) if "dport 25 reject" in rule)
        accepted_after = [rule for rule in rules[mail:] if "accept" in rule]
        assert bool(accepted_after) is is_open
        assert "reject with icmpx" in rules[-3]
