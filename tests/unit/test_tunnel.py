"""A connection through a command, with a socket or with two threads as on Windows."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.errors import MachineLacks, WrongState
from labctl.remote import Remote
from labctl.tunnel import Tunnel
from tests.unit.programs import python
from tests.unit.test_remote import host, says

# A process on Windows cannot have a socket as its input.
BOTH_WAYS = pytest.mark.parametrize("pumped", [pytest.param(False, marks=pytest.mark.posix), True])
# Like cat(1), and a client that cannot reach the host.
_ECHO = python("while data := os.read(0, 65536): os.write(1, data)")


def _fails(said: str) -> list[str]:
    return python(f"sys.stderr.write({said!r}); sys.exit(1)")


# Like `incus exec HOST -- sshd -i`: stdin and stdout are the connection.
_RELAY = """
import os, socket, sys, threading
there = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def to():
    while data := os.read(0, 65536):
        there.sendall(data)
    there.close()
threading.Thread(target=to, daemon=True).start()
while data := there.recv(65536):
    os.write(1, data)
"""


@BOTH_WAYS
def test_bytes_go_both_ways_until_the_end(pumped: bool) -> None:
    tunnel = Tunnel(_ECHO, pumped=pumped)
    sent = bytes(range(256)) * 4096
    received = bytearray()
    for start in range(0, len(sent), 4096):
        tunnel.socket.sendall(sent[start : start + 4096])
        while len(received) < start + 4096:
            received += tunnel.socket.recv(65536)
    assert bytes(received) == sent
    assert tunnel.close() == ""


@BOTH_WAYS
def test_the_end_of_the_command_is_the_end_of_the_connection(pumped: bool) -> None:
    tunnel = Tunnel(_fails("no such host"), pumped=pumped)
    assert tunnel.socket.recv(1) == b""
    assert tunnel.close() == "no such host"
    assert tunnel.close() == tunnel.said


@BOTH_WAYS
def test_a_command_that_does_not_end_is_ended(pumped: bool) -> None:
    tunnel = Tunnel(python("time.sleep(60)"), pumped=pumped)
    assert tunnel.close() == ""


def test_a_program_that_is_not_installed_is_named() -> None:
    with pytest.raises(MachineLacks, match="no-such-program"):
        Tunnel(["no-such-program"])


def test_a_host_is_reached_through_a_proxy_command(tmp_path: Path) -> None:
    with host(tmp_path, says(b"there\n")) as (endpoint, _seen):
        # The key is pinned under the endpoint's address, although nothing connects to it.
        relay = (sys.executable, "-c", _RELAY, str(endpoint.port))
        with Remote(replace(endpoint, proxy_command=relay)) as remote:
            assert remote.run(["true"]).stdout == "there\n"
            remote.close()
            assert remote.run(["true"]).stdout == "there\n"


def test_another_host_key_behind_the_proxy_command_is_refused(tmp_path: Path) -> None:
    with host(tmp_path, says(b""), pinned=False) as (endpoint, _seen):
        relay = (sys.executable, "-c", _RELAY, str(endpoint.port))
        with (
            Remote(replace(endpoint, proxy_command=relay)) as remote,
            pytest.raises(WrongState, match="not the one that labctl recorded"),
        ):
            remote.run(["true"])


def test_the_proxy_command_s_own_words_are_the_cause(tmp_path: Path) -> None:
    with host(tmp_path, says(b"")) as (endpoint, _seen):
        proxy = tuple(_fails("Error: Instance is not running"))
        with (
            Remote(replace(endpoint, proxy_command=proxy)) as remote,
            pytest.raises(WrongState) as failed,
        ):
            remote.run(["true"])
    assert failed.value.cause == "Error: Instance is not running"
