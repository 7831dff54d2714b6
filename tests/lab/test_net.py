"""The lab's network is closed: seen from the hosts, and from a namespace that plays the world."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.program import labctl, on_host

OUTSIDE = "203.0.113.2"
MACHINE = "203.0.113.1"

# Accepts on every port it is given, says hello, until it is killed.
_LISTENER = """
import socket, selectors, sys
wait = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    server = socket.create_server(("", port))
    wait.register(server, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in wait.select():
        connection, _ = key.fileobj.accept()
        connection.sendall(b"220 hello\\r\\n")
        connection.close()
"""


@dataclass(frozen=True)
class World:
    """A host outside the lab, with a way to the machine; commands run inside by `run`."""

    pid: int

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *argv]
        return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture(scope="module")
def world(ready_once: str) -> Iterator[World]:
    """A network namespace beyond the machine, listening on ports 25, 80 and 4444."""
    listener = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", _LISTENER, "25", "80", "4444"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert listener.stdout is not None
    assert listener.stdout.readline() == "ready\n"
    outside = World(listener.pid)
    _sh("ip link add labworld type veth peer name world0 netns " + str(listener.pid))
    try:
        _sh(f"ip address add {MACHINE}/30 dev labworld; ip link set labworld up")
        Path("/proc/sys/net/ipv4/conf/labworld/forwarding").write_text("1")
        outside.run("sh", "-c", f"ip link set world0 up; ip address add {OUTSIDE}/30 dev world0")
        outside.run("ip", "route", "add", "default", "via", MACHINE)
        yield outside
    finally:
        _sh("ip link delete labworld")
        os.kill(listener.pid, signal.SIGKILL)
        listener.wait()


def _sh(line: str) -> None:
    subprocess.run(["sh", "-euc", line], check=True)


def reaches(host: str, address: str, port: int) -> bool:
    """Can the host open a TCP connection there, within two seconds?"""
    command = f"timeout 2 bash -c 'read -t 2 line </dev/tcp/{address}/{port}'"
    return on_host(host, command, code=None).code == 0


def test_open_lets_packages_in_and_nothing_else_out(world: World) -> None:
    labctl("net", "open")
    assert reaches("host1", OUTSIDE, 80)
    assert not reaches("host1", OUTSIDE, 4444)


def test_no_mail_leaves_the_lab_even_when_open(world: World) -> None:
    labctl("net", "open")
    assert not reaches("host1", OUTSIDE, 25)
    # The listener is there: the machine itself reaches it.
    assert _greeting(OUTSIDE, 25) == b"220 hello\r\n"


def _greeting(address: str, port: int) -> bytes:
    with socket.create_connection((address, port), timeout=5) as probe:
        return probe.recv(100)


def test_closed_nothing_leaves_and_the_lab_goes_on(world: World) -> None:
    labctl("net", "close")
    try:
        assert not reaches("host1", OUTSIDE, 80)
        assert not reaches("host2", OUTSIDE, 80)
        labctl("test-mail")
        labctl("down")
        labctl("up")
        assert not reaches("host1", OUTSIDE, 80), "up must leave closed what was closed"
    finally:
        labctl("net", "open")
    assert reaches("host1", OUTSIDE, 80)


def test_the_world_reaches_no_host(world: World) -> None:
    for address in ("192.168.56.101", "192.168.56.102"):
        for port in ("22", "25", "53", "110", "143"):
            assert not _world_reaches(world, address, port)
    # The way there exists: the machine itself answers the world.
    with listening_machine("8026"):
        assert _world_reaches(world, MACHINE, "8026")


def _world_reaches(world: World, address: str, port: str) -> bool:
    probe = f"read -t 2 line </dev/tcp/{address}/{port}"
    return world.run("timeout", "2", "bash", "-c", probe).returncode == 0


@contextmanager
def listening_machine(port: str) -> Iterator[None]:
    """This machine, listening on a port for the time."""
    argv = [sys.executable, "-c", _LISTENER, port]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None
        listener.stdout.readline()
        try:
            yield
        finally:
            listener.kill()


def test_a_host_starts_nothing_on_the_machine(world: World) -> None:
    with listening_machine("8025"):
        assert _greeting("192.168.56.1", 8025) == b"220 hello\r\n"
        assert not reaches("host1", "192.168.56.1", 8025)


def test_services_listen_on_the_lab_only(world: World) -> None:
    for host, own in (("host1", "192.168.56.101"), ("host2", "192.168.56.102")):
        listening = on_host(host, "ss -Hltn").out.split("\n")
        ports = {line.split()[3] for line in listening if line}
        assert f"{own}:25" in ports
        assert not {"0.0.0.0:25", "0.0.0.0:80"} & ports
        addresses = on_host(host, "ip -br -4 address show scope global").out.split()
        assert [word for word in addresses if "/" in word] == [f"{own}/24"]
        assert on_host(host, "ip -6 address show scope global").out == ""
