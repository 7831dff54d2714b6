"""Whether a host answers, tried with a real SSH server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import paramiko
import pytest

from labctl.providers.vagrant.probe import answers
from labctl.providers.vagrant.record import KnownMachine

KEY = paramiko.ECDSAKey.generate(bits=256)
PINNED = f"{KEY.get_name()} {KEY.get_base64()}"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        found.listen()
        yield found


def serve(listener: socket.socket) -> None:
    """Greet one SSH client, in a thread."""

    def greet() -> None:
        connection, _address = listener.accept()
        transport = paramiko.Transport(connection)
        transport.add_server_key(KEY)
        transport.start_server(event=threading.Event(), server=paramiko.ServerInterface())

    threading.Thread(target=greet, daemon=True).start()


def machine(listener: socket.socket, *keys: str) -> KnownMachine:
    return KnownMachine(address="127.0.0.1", port=listener.getsockname()[1], host_keys=keys)


def test_a_host_answers_with_one_of_its_keys(listener: socket.socket) -> None:
    serve(listener)
    assert answers(machine(listener, "ssh-ed25519 AAAAother", PINNED))


def test_another_machine_on_the_port_is_not_the_host(listener: socket.socket) -> None:
    serve(listener)
    assert not answers(machine(listener, "ssh-ed25519 AAAAother"))


def test_a_port_that_only_accepts_is_not_the_host(listener: socket.socket) -> None:
    """The hypervisor accepts connections for a machine that boots."""
    begun = time.monotonic()
    assert not answers(machine(listener, PINNED), timeout=0.3)
    assert time.monotonic() - begun < 5


def test_a_closed_port_is_not_the_host(listener: socket.socket) -> None:
    closed = machine(listener, PINNED)
    listener.close()
    assert not answers(closed)


def test_a_port_that_hangs_up_is_not_the_host(listener: socket.socket) -> None:
    def hang_up() -> None:
        connection, _address = listener.accept()
        connection.close()

    threading.Thread(target=hang_up, daemon=True).start()
    assert not answers(machine(listener, PINNED))
