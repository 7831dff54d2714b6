"""The lab's network is closed, seen from the hosts and from a namespace outside the lab."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from labctl.providers.nspawn.addresses import ip_json
from tests.lab.program import labctl, on_host
from tests.lab.traces import lab_id

OUTSIDE = "203.0.113.2"
MACHINE = "203.0.113.1"
OUTSIDE6 = "2001:db8:1::2"
MACHINE6 = "2001:db8:1::1"
LAB6 = "2001:db8:56::"
UP6 = "2001:db8:57::"
UPLINK = f"lab-{lab_id()}"

# Accept connections on every given port and send a greeting, until killed.
_LISTENER = """
import socket, selectors, sys
wait = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    server = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
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
    """A host outside the lab that is connected to the machine. `run` executes a command in it."""

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
        _sh(f"ip address add {MACHINE6}/64 dev labworld nodad")
        outside.run("ip", "address", "add", f"{OUTSIDE6}/64", "dev", "world0", "nodad")
        outside.run("ip", "route", "add", "default", "via", MACHINE6)
        yield outside
    finally:
        _sh("ip link delete labworld")
        os.kill(listener.pid, signal.SIGKILL)
        listener.wait()


def _sh(line: str) -> None:
    subprocess.run(["sh", "-euc", line], check=True)


def reaches(host: str, address: str, port: int) -> bool:
    """Whether the host can open a TCP connection to the address within two seconds."""
    command = f"timeout 2 bash -c 'read -t 2 line </dev/tcp/{address}/{port}'"
    return on_host(host, command, code=None).code == 0


def test_open_lets_packages_in_and_nothing_else_out(world: World) -> None:
    labctl("net", "open")
    assert reaches("host1", OUTSIDE, 80)
    assert not reaches("host1", OUTSIDE, 4444)


def test_no_mail_leaves_the_lab_even_when_open(world: World) -> None:
    labctl("net", "open")
    assert not reaches("host1", OUTSIDE, 25)
    # The listener works: the machine itself reaches it.
    assert _greeting(OUTSIDE, 25) == b"220 hello\r\n"


def _greeting(address: str, port: int) -> bytes:
    with socket.create_connection((address, port), timeout=5) as probe:
        return probe.recv(100)


def test_nothing_but_tcp_leaves(world: World) -> None:
    labctl("net", "open")
    on_host("host1", "ping -c 1 -W 5 192.168.56.1")
    assert on_host("host1", f"ping -c 1 -W 2 {OUTSIDE}", code=None).code == 1
    assert _echoes(OUTSIDE)
    # DNS queries may pass only to this machine's resolvers.
    for port in (53, 123, 4444):
        with datagrams(world, port) as received:
            on_host("host1", f"bash -c 'echo from host1 >/dev/udp/{OUTSIDE}/{port}'")
            _sh(f"bash -c 'echo from the machine >/dev/udp/{OUTSIDE}/{port}'")
            assert received() == "from the machine", port


def _echoes(address: str) -> bool:
    """Whether the address answers this machine's ping (RFC 792)."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as icmp:
        icmp.settimeout(5)
        icmp.sendto(bytes([8, 0, 0xF7, 0xFF, 0, 0, 0, 0]), (address, 0))
        packet, sender = icmp.recvfrom(100)
    return sender[0] == address and packet[20] == 0


@contextmanager
def datagrams(world: World, port: int) -> Iterator[Callable[[], str]]:
    """Listen on a UDP port outside the lab. Returns the first datagram."""
    wait = (
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(60);"
        f"s.bind(('', {port})); print('ready', flush=True); print(s.recv(99).decode())"
    )
    inside = ["nsenter", f"--net=/proc/{world.pid}/ns/net", "--", sys.executable, "-c", wait]
    with subprocess.Popen(inside, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "ready\n"

        def first() -> str:
            return listener.communicate()[0].strip()

        yield first


def test_nothing_leaves_by_ipv6_even_where_the_machine_would_forward_it(world: World) -> None:
    labctl("net", "open")
    forwarding = Path("/proc/sys/net/ipv6/conf/all/forwarding")
    before = forwarding.read_text()
    # A lab has no IPv6 at all; this gives it some, all the way to the machine.
    inside = f"nsenter --net=/run/netns/labctl-{lab_id()}"
    settings = "/proc/sys/net/ipv6/conf"
    assert Path(f"{settings}/{UPLINK}/disable_ipv6").read_text() == "1\n"
    forwarding.write_text("1")
    # root in a host can set any address, and this machine may answer to it.
    on_host("host1", f"ip address add {LAB6}101/64 dev host0 nodad")
    on_host("host1", f"ip route add default via {LAB6}1")
    try:
        assert not reaches("host1", OUTSIDE6, 80)
        _sh(
            f"{inside} sh -c 'for each in lab uplink; do"
            f" echo 0 >{settings}/$each/disable_ipv6; done;"
            f" echo 1 >{settings}/all/forwarding'"
        )
        _sh(f"{inside} ip address add {LAB6}1/64 dev lab nodad")
        _sh(f"{inside} ip address add {UP6}2/64 dev uplink nodad")
        _sh(f"echo 0 >{settings}/{UPLINK}/disable_ipv6")
        _sh(f"ip address add {UP6}1/64 dev {UPLINK} nodad; ip route add {LAB6}/64 via {UP6}2")
        _sh(f"{inside} ip route add default via {UP6}1")
        for port in (25, 80, 4444):
            assert not reaches("host1", OUTSIDE6, port)
        assert not _world_reaches(world, f"{LAB6}101", "25")
        assert _greeting(OUTSIDE6, 25) == b"220 hello\r\n"
    finally:
        forwarding.write_text(before)
        _sh(f"echo 1 >{settings}/{UPLINK}/disable_ipv6")
        _sh(f"{inside} sh -c 'echo 1 >{settings}/all/disable_ipv6'")
        on_host("host1", f"ip address del {LAB6}101/64 dev host0")


def test_a_forwarded_port_is_no_way_to_a_mail_server(world: World) -> None:
    """The machine forwards an allowed port to port 25 elsewhere. The final port counts."""
    labctl("net", "open")
    _sh(
        "nft 'add table ip labctl_test; add chain ip labctl_test in"
        " { type nat hook prerouting priority -100; };"
        f" add rule ip labctl_test in ip daddr {OUTSIDE} tcp dport {{ 80, 443 }} dnat to :25'"
    )
    try:
        assert not reaches("host1", OUTSIDE, 80)
        assert not reaches("host1", OUTSIDE, 443)
    finally:
        _sh("nft delete table ip labctl_test")
    assert reaches("host1", OUTSIDE, 80)


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
    # The route exists: the machine itself answers from outside.
    with listening_machine("8026"):
        assert _world_reaches(world, MACHINE, "8026")


def _world_reaches(world: World, address: str, port: str) -> bool:
    probe = f"read -t 2 line </dev/tcp/{address}/{port}"
    return world.run("timeout", "2", "bash", "-c", probe).returncode == 0


@contextmanager
def listening_machine(*ports: str) -> Iterator[None]:
    """This machine, listening on the ports."""
    argv = [sys.executable, "-c", _LISTENER, *ports]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None
        listener.stdout.readline()
        try:
            yield
        finally:
            listener.kill()


def test_a_host_starts_nothing_on_the_machine(world: World) -> None:
    (end,) = [
        address["local"]
        for link in ip_json("address", "show", "dev", UPLINK)
        for address in link["addr_info"]
    ]
    # 80 is a port that packages may come from.
    with listening_machine("8025", "80"):
        for port in (8025, 80):
            for address in (end, MACHINE):
                assert _greeting(address, port) == b"220 hello\r\n"
                assert not reaches("host1", address, port)
            assert not reaches("host1", "192.168.56.1", port)


def test_services_listen_on_the_lab_only(world: World) -> None:
    for host, own in (("host1", "192.168.56.101"), ("host2", "192.168.56.102")):
        listening = {
            tuple(line.split()[i] for i in (0, 4))
            for line in on_host(host, "ss -Hltun").out.splitlines()
        }
        assert ("tcp", f"{own}:25") in listening
        assert ("udp", f"{own}:53") in listening
        # sshd and Dovecot listen on all addresses, and the host has only these.
        anywhere = {
            int(address.rsplit(":", 1)[1])
            for _kind, address in listening
            if not address.startswith((f"{own}:", "127.", "[::1]:"))
        }
        assert anywhere <= {22, 110, 143}
        addresses = on_host(host, "ip -br -4 address show scope global").out.split()
        assert [word for word in addresses if "/" in word] == [f"{own}/24"]
        assert on_host(host, "ip -6 address show scope global").out == ""
        assert on_host(host, "ip -6 address show dev host0").out == ""


def test_the_machine_itself_listens_nowhere_for_the_lab(world: World) -> None:
    before = _listening()
    labctl("down")
    assert before - _listening() == set()
    labctl("up")


def _listening() -> set[str]:
    done = subprocess.run(["ss", "-Hltun"], capture_output=True, text=True, check=True)
    return {" ".join(line.split()[:1] + line.split()[4:5]) for line in done.stdout.splitlines()}
