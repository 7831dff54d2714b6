"""The addresses of the machine are parsed from the output of each system."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from ipaddress import IPv4Interface

import pytest

from labctl.machine import ThisMachine, linux_addresses, mac_addresses, windows_addresses
from tests.unit.programs import python

LINUX = """\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 192.168.1.20/24 brd 192.168.1.255 scope global dynamic eth0\\       valid_lft 8
"""

MAC = """\
lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384
\tinet 127.0.0.1 netmask 0xff000000
\tinet6 ::1 prefixlen 128
en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\tether a4:83:e7:00:00:00
\tinet 192.168.1.21 netmask 0xffffff00 broadcast 192.168.1.255
bridge100: flags=8a63<UP,BROADCAST,SMART,RUNNING,ALLMULTI,SIMPLEX,MULTICAST> mtu 1500
\tinet 192.168.56.1 netmask 0xffffff00 broadcast 192.168.56.255
"""

WINDOWS = "イーサネット|192.168.1.22/24\r\nLoopback Pseudo-Interface 1|127.0.0.1/8\r\n"


def test_linux() -> None:
    assert linux_addresses(LINUX) == [
        ("lo", IPv4Interface("127.0.0.1/8")),
        ("eth0", IPv4Interface("192.168.1.20/24")),
    ]


def test_mac() -> None:
    assert mac_addresses(MAC) == [
        ("lo0", IPv4Interface("127.0.0.1/8")),
        ("en0", IPv4Interface("192.168.1.21/24")),
        ("bridge100", IPv4Interface("192.168.56.1/24")),
    ]


def test_windows() -> None:
    assert windows_addresses(WINDOWS) == [
        ("イーサネット", IPv4Interface("192.168.1.22/24")),
        ("Loopback Pseudo-Interface 1", IPv4Interface("127.0.0.1/8")),
    ]


def test_windows_is_asked_with_one_line_of_powershell(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []

    def ask(_machine: ThisMachine, *argv: str) -> str:
        asked.append(argv)
        return WINDOWS

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ThisMachine, "ask", ask)
    assert ThisMachine().addresses() == windows_addresses(WINDOWS)
    ((program, *_options, option, script),) = asked
    assert (program, option) == ("powershell", "-Command")
    assert script == (
        "Get-NetIPAddress -AddressFamily IPv4 | "
        'ForEach-Object { "$($_.InterfaceAlias)|$($_.IPAddress)/$($_.PrefixLength)" }'
    )


def test_what_is_no_address_is_left_out() -> None:
    assert windows_addresses("警告: 999.1.1.1|1.2.3.400/24\nWi-Fi|10.0.0.7/8\n") == [
        ("Wi-Fi", IPv4Interface("10.0.0.7/8"))
    ]


def test_a_command_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a question to an Incus cluster without a majority of its members."""
    monkeypatch.setattr("labctl.machine.ASK_SECONDS", 0.2)
    silent = python("print('half', flush=True); time.sleep(60)")
    assert ThisMachine().ask(*silent) == ""
    assert "timed out after 0.2 s" in ThisMachine().complaint(*silent)


@pytest.mark.parametrize(
    ("system", "said", "found"),
    [
        ("win32", "8123456\r\n", 8123456 * 1024),
        ("win32", "", 0),
        ("win32", "Get-CimInstance : アクセスが拒否されました\r\n", 0),
        ("win32", "警告: 遅い\n4096\n", 4096 * 1024),
        ("darwin", "17179869184\n", 8589934592),
        ("darwin", "sysctl: unknown oid 'hw.memsize'\n", 0),
    ],
)
def test_free_memory_is_a_number_or_not_known(
    system: str, said: str, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.machine.sys.platform", system)
    monkeypatch.setattr(ThisMachine, "ask", lambda *_argv: said)
    assert ThisMachine().free_memory() == found


@pytest.mark.parametrize(("system", "told"), [("linux", "debian"), ("win32", ""), ("darwin", "")])
def test_only_linux_has_a_distribution(
    system: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(ThisMachine, "read", lambda _self, _path: 'NAME="Debian"\nID=debian\n')
    assert ThisMachine().distribution == told
