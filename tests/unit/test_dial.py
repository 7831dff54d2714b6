"""Sockets in the network namespace of a lab."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from labctl import dial
from labctl.endpoint import Endpoint

ADDRESS = "192.0.2.200"
# A server that greets over TCP and echoes over UDP, in a namespace where the address exists.
_SERVER = """
import socket, subprocess
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "address", "add", "192.0.2.200/32", "dev", "lo"], check=True)
tcp = socket.create_server(("192.0.2.200", 25))
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.bind(("192.0.2.200", 53))
print("ready", flush=True)
plug, _ = tcp.accept()
plug.sendall(b"220 inside")
plug.close()
udp.sendto(*udp.recvfrom(100))
"""

needs_namespaces = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"
)


def endpoint(netns: Path | None) -> Endpoint:
    return Endpoint("host1", ADDRESS, 22, "root", Path("key"), Path("known"), netns=netns)


@pytest.fixture
def netns() -> Iterator[Path]:
    argv = ["unshare", "--net", sys.executable, "-c", _SERVER]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield Path(f"/proc/{server.pid}/ns/net")
        server.kill()


@needs_namespaces
def test_a_connection_reaches_the_namespace_and_the_thread_stays_where_it_is(netns: Path) -> None:
    before = Path("/proc/thread-self/ns/net").readlink()
    with dial.tcp(endpoint(netns), ADDRESS, 25, 5) as plug:
        assert plug.recv(100) == b"220 inside"
    with dial.udp(endpoint(netns)) as plug:
        plug.settimeout(5)
        plug.sendto(b"name?", (ADDRESS, 53))
        assert plug.recv(100) == b"name?"
    assert Path("/proc/thread-self/ns/net").readlink() == before


@needs_namespaces
def test_a_refused_connection_is_an_os_error(netns: Path) -> None:
    with pytest.raises(ConnectionRefusedError):
        dial.tcp(endpoint(netns), ADDRESS, 143, 5)


def test_a_namespace_that_is_gone_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        dial.make_socket(tmp_path / "gone", socket.SOCK_STREAM)


def test_without_a_namespace_the_machines_own_network_is_used() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        with dial.tcp(endpoint(None), "127.0.0.1", server.getsockname()[1], 5) as plug:
            assert plug.getpeername() == server.getsockname()
        assert not dial.udp(endpoint(None)).getblocking()


@pytest.mark.posix
def test_a_command_runs_in_the_namespace() -> None:
    assert dial.inside(None, ["ssh", "host1"]) == ["ssh", "host1"]
    assert dial.inside(Path("/run/netns/lab"), ["ssh"]) == [
        "nsenter", "--net=/run/netns/lab", "--", "ssh",
    ]  # fmt: skip
