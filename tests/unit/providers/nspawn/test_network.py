"""The names and addresses of a lab's network on the machine."""

from __future__ import annotations

import string
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import MachineLacks
from labctl.lab import Network
from labctl.providers.nspawn import resolvers
from labctl.providers.nspawn.addresses import free_ends
from labctl.providers.nspawn.container import Container
from labctl.providers.nspawn.network import LabNetwork
from labctl.providers.nspawn.resolvers import STAND_IN, Resolvers, resolvers_for, resolvers_in

NETWORK = Network(cidr=IPv4Network("192.168.56.0/24"), machine=IPv4Address("192.168.56.1"))
IDS = st.text(string.hexdigits.lower(), min_size=8, max_size=8).filter(str.islower)


@given(IDS, st.integers(0, 999))
def test_names_fit_what_the_kernel_allows(lab_id: str, number: int) -> None:
    lab = LabNetwork(lab_id, NETWORK)
    host = Container("a" * 32, number, "192.168.56.9", lab, Path("/root"), Path("/log"))
    # IFNAMSIZ, netdevice(7): 15 letters. systemd-nspawn puts `vb-` before the machine's name.
    assert len(lab.uplink) <= 15
    assert len(f"vb-{host.machine}") <= 15
    assert lab.table.isidentifier()


@given(IDS, IDS)
def test_labs_have_different_uplinks(one: str, other: str) -> None:
    lab = free_ends(one, [])
    taken = IPv4Network((int(lab.machine) - 1, 30))
    assert free_ends(one, []) == lab
    assert not IPv4Network((int(free_ends(other, [taken]).machine) - 1, 30)).overlaps(taken)
    # The stand-in for a resolver is nobody's address.
    assert IPv4Address(STAND_IN) not in taken


def test_a_machine_that_uses_the_usual_range_gets_another() -> None:
    ends = free_ends("0123abcd", [IPv4Network("198.18.0.0/15")])
    assert ends.machine in IPv4Network("100.64.0.0/10")
    with pytest.raises(MachineLacks, match="way out") as lacking:
        free_ends("0123abcd", [IPv4Network("0.0.0.0/0")])
    assert lacking.value.cause == "198.18.0.0/15, 100.64.0.0/10, 10.0.0.0/8"


@given(IDS)
def test_the_labs_end_is_the_address_after_the_machines(lab_id: str) -> None:
    ends = free_ends(lab_id, [])
    assert ends.lab == ends.machine + 1


def test_only_name_servers_that_a_host_can_reach_are_passed_on() -> None:
    told = "search example\nnameserver 127.0.0.53\nnameserver ::1\n"
    assert resolvers_in(told) == ()
    assert resolvers_in("nameserver 192.0.2.1 # office\nnameserver\nnameserver x") == ("192.0.2.1",)
    assert resolvers_in("#nameserver 192.0.2.9\nnameserver fe80::1%eth0") == ()


@pytest.mark.parametrize(
    ("etc", "resolved", "seen"),
    [
        ("nameserver 192.0.2.1\n", "nameserver 192.0.2.2\n", ("192.0.2.1",)),
        # systemd-resolved listens on the loopback, and keeps the real ones in a file of its own.
        ("nameserver 127.0.0.53\n", "nameserver 192.0.2.2\n", ("192.0.2.2",)),
        (None, "nameserver 192.0.2.2\n", ("192.0.2.2",)),
        ("nameserver 127.0.0.53\n", None, ()),
        (None, None, ()),
    ],
)
def test_the_machines_own_name_servers_come_from_two_files(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    etc: str | None,
    resolved: str | None,
    seen: tuple[str, ...],
) -> None:
    files = {tmp_path / "etc": etc, tmp_path / "resolved": resolved}
    for path, text in files.items():
        if text is not None:
            path.write_text(text)
    monkeypatch.setattr(resolvers, "_FILES", tuple(map(str, files)))
    assert resolvers.machine_resolvers() == seen


def test_a_comment_in_another_encoding_hides_no_name_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_bytes(b"# B\xfcro\nnameserver 192.0.2.1\n")
    monkeypatch.setattr(resolvers, "_FILES", (str(conf),))
    assert resolvers.machine_resolvers() == ("192.0.2.1",)


def test_a_name_server_with_an_address_of_the_lab_gets_a_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 192.168.1.1\nnameserver 192.168.1.2\nnameserver 9.9.9.9\n")
    monkeypatch.setattr(resolvers, "_FILES", (str(conf),))
    home = IPv4Network("192.168.1.0/24")
    assert resolvers_for(home) == Resolvers((STAND_IN, "9.9.9.9"), "192.168.1.1")
    elsewhere = resolvers_for(NETWORK.cidr)
    assert elsewhere == Resolvers(("192.168.1.1", "192.168.1.2", "9.9.9.9"))
