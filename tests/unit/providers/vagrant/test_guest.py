"""What labctl reads from a machine."""

from __future__ import annotations

import pytest

from labctl.errors import WrongState
from labctl.lab import load_edition
from labctl.providers.vagrant.guest import ensure_prepared, quoted, read_prepared


def test_keys_and_resolvers_are_found_between_other_lines() -> None:
    output = (
        "Welcome\nlabctl-hostkey ssh-ed25519 AAAAC3\n"
        "labctl-resolver 10.0.2.3\nlabctl-resolver 1.1.1.1\n"
        "labctl-address 192.168.56.101\nbye\n"
    )
    prepared = read_prepared(output)
    assert prepared.host_keys == ("ssh-ed25519 AAAAC3",)
    assert prepared.resolvers == ("10.0.2.3", "1.1.1.1")
    assert prepared.addresses == ("192.168.56.101",)
    assert prepared.insecure == ()


def test_a_loopback_resolver_is_not_the_hosts_resolver() -> None:
    """VirtualBox 7.2's NAT may hand the PC's own 127.0.0.53 into the guests."""
    assert read_prepared("labctl-resolver 127.0.0.53\n").resolvers == ("10.0.2.3",)


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("labctl-address 192.168.56.101\nsh: not found\n", "sh: not found"),
        ("labctl-hostkey ssh-ed25519 A\nlabctl-address 10.0.2.15\n", "192.168.56.101"),
        (
            "labctl-hostkey ssh-ed25519 A\nlabctl-address 192.168.56.101\n"
            "labctl-insecure vagrant\n",
            "public insecure key",
        ),
    ],
)
def test_a_host_that_is_not_set_up_completely_is_not_taken(output: str, cause: str) -> None:
    host = load_edition("ubuntu-example").hosts[0]
    with pytest.raises(WrongState, match="not set up completely") as caught:
        ensure_prepared(host, read_prepared(output), output)
    assert cause in caught.value.cause
    assert "labctl up" in str(caught.value.hint)


def test_arguments_reach_the_machines_shell_as_they_are() -> None:
    assert quoted("ssh-ed25519 AAAA labctl", "$(reboot)") == (
        "'ssh-ed25519 AAAA labctl'",
        "'$(reboot)'",
    )
