"""The ports for SSH from a student's own machine, with sockets in place of the hosts' sshd."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from labctl.classroom import ssh_doors
from labctl.classroom.keys import write_keys
from labctl.classroom.life import bring_up_seat, prepare_model
from labctl.classroom.ssh_doors import Doors, doors_of
from labctl.endpoint import Endpoint
from labctl.errors import WrongState, WrongUsage
from labctl.home import lab_home
from labctl.progress import silent
from tests.fakes.classroom import MemoryClass, memory_class

HERE = "127.0.0.1"


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> MemoryClass:
    """Two seats that are up; the third was never made. A host greets by its lab and address."""
    made = memory_class(monkeypatch, until="dns")
    model = prepare_model(made.roll, silent)
    for number in (1, 2):
        bring_up_seat(made.roll, made.roll.seat(number), model, silent)
    monkeypatch.setattr("labctl.dial.tcp", _host)
    return made


def _host(endpoint: Endpoint, address: str, port: int, timeout: float) -> socket.socket:
    ours, theirs = socket.socketpair()
    lab = endpoint.key.parent.parent.name

    def serve() -> None:
        # The client may be gone before.
        with theirs, suppress(OSError):
            theirs.sendall(f"{lab} {address}:{port}\n".encode())
            while data := theirs.recv(65536):
                theirs.sendall(data)
            theirs.sendall(b"end")

    threading.Thread(target=serve, daemon=True).start()
    return ours


def _free() -> int:
    """A first port whose doors are free, below the ports of outgoing connections."""
    for first in random.sample(range(20000, 32000, 100), 100):
        with suppress(OSError), ExitStack() as held:
            for port in range(first + 11, first + 33):
                held.enter_context(socket.create_server((HERE, port)))
            return first
    raise AssertionError("no free ports")


def through(room: MemoryClass, client: Callable[[int], object], first: int = 0) -> None:
    """Run a client in a thread while the doors are open."""
    first = first or _free()

    async def work() -> None:
        opened = Doors(room.roll, first)
        await opened.open(HERE)
        try:
            await asyncio.wait_for(asyncio.to_thread(client, first), 20)
        finally:
            await opened.close()

    asyncio.run(work())


def said(port: int, text: bytes = b"") -> bytes:
    """Everything that a door answers to a text and the end of the input."""
    with socket.create_connection((HERE, port), timeout=10) as plug:
        plug.sendall(text)
        plug.shutdown(socket.SHUT_WR)
        found = b""
        while data := plug.recv(65536):
            found += data
        return found


def test_each_door_leads_to_one_host_of_one_seat(room: MemoryClass) -> None:
    def client(first: int) -> None:
        assert said(first + 11, b"x") == b"mail-s01 192.168.56.101:22\nxend"
        assert said(first + 12) == b"mail-s01 192.168.56.102:22\nend"
        assert said(first + 21) == b"mail-s02 192.168.56.101:22\nend"

    through(room, client)


def test_a_megabyte_passes_in_both_directions(room: MemoryClass) -> None:
    def client(first: int) -> None:
        text = bytes(range(256)) * 4096
        with socket.create_connection((HERE, first + 11), timeout=10) as plug:
            sender = threading.Thread(target=plug.sendall, args=(text,))
            sender.start()
            found = b""
            while len(found) < len(text):
                found += plug.recv(65536).removeprefix(b"mail-s01 192.168.56.101:22\n")
            sender.join()
        assert found == text

    through(room, client)


def test_the_door_of_a_seat_that_does_not_run_closes_at_once(room: MemoryClass) -> None:
    def client(first: int) -> None:
        assert said(first + 31) == b""
        assert said(first + 11).startswith(b"mail-s01")

    through(room, client)


def test_a_host_that_does_not_answer_delays_no_other_seat(
    room: MemoryClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()

    def dial(endpoint: Endpoint, address: str, port: int, timeout: float) -> socket.socket:
        if endpoint.key.parent.parent.name == "mail-s01":
            gone.wait(10)
            raise TimeoutError
        return _host(endpoint, address, port, timeout)

    monkeypatch.setattr("labctl.dial.tcp", dial)

    def client(first: int) -> None:
        waiting = [socket.create_connection((HERE, first + 11)) for _each in range(40)]
        begun = time.monotonic()
        assert said(first + 21).startswith(b"mail-s02")
        assert time.monotonic() - begun < 5
        gone.set()
        for plug in waiting:
            plug.close()

    through(room, client)


def test_one_host_takes_so_many_connections_and_no_more(
    room: MemoryClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_doors, "_MOST", 3)

    def client(first: int) -> None:
        plugs = [socket.create_connection((HERE, first + 11), timeout=10) for _each in range(5)]
        greeted = [bool(plug.recv(100)) for plug in plugs]
        assert greeted.count(True) == 3
        for plug in plugs:
            plug.close()

    through(room, client)


def test_one_address_cannot_keep_the_others_out(
    room: MemoryClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_doors, "_MOST_OF_ONE", 3)

    def greeted(first: int, own: str) -> bool:
        plug = socket.create_connection((HERE, first + 11), timeout=10, source_address=(own, 0))
        plugs.append(plug)
        return bool(plug.recv(100))

    plugs: list[socket.socket] = []

    def client(first: int) -> None:
        assert [greeted(first, "127.0.0.2") for _each in range(5)].count(True) == 3
        assert greeted(first, "127.0.0.3")
        plugs.pop().close()
        for plug in plugs:
            plug.close()

    through(room, client)


def test_a_port_in_use_is_named_and_no_door_stays_open(room: MemoryClass) -> None:
    first = _free()
    with (
        socket.create_server((HERE, first + 22)),
        pytest.raises(WrongState, match=str(first + 22)) as caught,
    ):
        through(room, lambda _first: None, first)
    assert caught.value.hint.commands == (
        ("labctl", "class", "ssh", "--host", HERE, "--port", "PORT"),
        ("labctl", "class", "keys", "--port", "PORT"),
    )
    socket.create_server((HERE, first + 11)).close()


def test_an_address_of_another_machine_is_told(room: MemoryClass) -> None:
    async def work() -> None:
        opened = Doors(room.roll, _free())
        with pytest.raises(WrongUsage, match="this machine does not have") as caught:
            await opened.open("192.0.2.7")
        assert ("labctl", "class", "ssh", "--host", "0.0.0.0") in caught.value.hint.commands

    asyncio.run(work())


def test_the_last_port_must_exist(room: MemoryClass) -> None:
    with pytest.raises(WrongUsage, match="65538"):
        doors_of(room.roll, 65506)


def test_a_student_gets_the_key_and_the_host_keys_of_the_own_seat(
    room: MemoryClass, tmp_path: Path
) -> None:
    seat = room.roll.seat(2)
    home = lab_home(seat.lab_name)
    # The provider in memory makes no keys.
    home.key_file.parent.mkdir(parents=True, exist_ok=True)
    home.key_file.write_text("KEY OF 2")
    home.known_hosts.write_text("HOST KEYS OF 2")
    write_keys(room.roll, seat, doors_of(room.roll, 22000), "server.example", tmp_path / "s02")
    config = (tmp_path / "s02" / "config").read_text()
    assert "Host host1\n  HostName server.example\n  Port 22021\n  User ubuntu\n" in config
    assert "Port 22022" in config and "22011" not in config
    assert (tmp_path / "s02" / "key").read_text() == "KEY OF 2"
    assert (tmp_path / "s02" / "known_hosts").read_text() == "HOST KEYS OF 2"
    if sys.platform != "win32":
        assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "s02").iterdir())
    with pytest.raises(WrongState, match="never created"):
        write_keys(room.roll, room.roll.seat(3), doors_of(room.roll, 22000), "x", tmp_path / "s03")
    assert not (tmp_path / "s03").exists()
