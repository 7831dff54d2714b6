"""The ports for SSH pass bytes on, within limits, and only to the host that they belong to."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, suppress

import pytest

from labctl.classroom import ssh_ports
from labctl.classroom.ssh_ports import SshPorts
from labctl.errors import MachineLacks, WrongState


def free_ports() -> int:
    """The first of four free ports, below those that the kernel hands out by itself."""
    while True:
        first = random.randrange(20_000, 32_000)
        with ExitStack() as stack, suppress(OSError):
            for port in range(first, first + 4):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first


def run(work: Callable[[SshPorts, AsyncExitStack], Awaitable[None]]) -> None:
    """Two seats with two hosts. Each host greets with its name and sends back what it gets."""

    async def go() -> None:
        async with AsyncExitStack() as stack:
            places: dict[tuple[int, str], int] = {}
            for seat in (1, 2):
                for host in ("host1", "host2"):
                    if (seat, host) == (2, "host2"):
                        continue
                    server = await asyncio.start_server(echo(seat, host), "127.0.0.1", 0)
                    await stack.enter_async_context(server)
                    places[seat, host] = server.sockets[0].getsockname()[1]

            def dial(seat: int, host: str) -> socket.socket:
                if (seat, host) not in places:
                    raise WrongState("host2 does not run")
                return socket.create_connection(("127.0.0.1", places[seat, host]))

            await work(SshPorts(free_ports(), (1, 2), ("host1", "host2"), dial), stack)

    asyncio.run(go())


def echo(seat: int, host: str) -> Callable[..., Awaitable[None]]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{seat} {host}\n".encode())
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
        writer.close()

    return answer


def test_each_port_leads_to_its_host() -> None:
    async def work(ports: SshPorts, stack: AsyncExitStack) -> None:
        await ports.open("127.0.0.1", stack)
        found = []
        for seat in (1, 2):
            for port in ports.of_seat(seat):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                found.append(await reader.readline())
                writer.close()
        assert found == [b"1 host1\n", b"1 host2\n", b"2 host1\n", b""]

    run(work)


def test_bytes_are_passed_on_both_ways_to_the_end() -> None:
    content = bytes(range(256)) * 4000

    async def work(ports: SshPorts, stack: AsyncExitStack) -> None:
        await ports.open("127.0.0.1", stack)
        reader, writer = await asyncio.open_connection("127.0.0.1", ports.of_seat(1)[0])
        await reader.readline()
        writer.write(content)
        writer.write_eof()
        assert await reader.read(-1) == content
        writer.close()

    run(work)


def test_a_seat_has_a_limit_that_leaves_other_seats_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_ports, "_MOST_OF_SEAT", 2)

    async def work(ports: SshPorts, stack: AsyncExitStack) -> None:
        await ports.open("127.0.0.1", stack)
        opened = [
            await asyncio.open_connection("127.0.0.1", ports.of_seat(1)[0]) for _each in range(3)
        ]
        assert [await reader.readline() for reader, _writer in opened] == [b"1 host1\n"] * 2 + [b""]
        reader, other = await asyncio.open_connection("127.0.0.1", ports.of_seat(2)[0])
        assert await reader.readline() == b"2 host1\n"
        for writer in (other, *(writer for _reader, writer in opened)):
            writer.close()

    run(work)


def test_a_port_that_is_taken_is_named() -> None:
    async def work(ports: SshPorts, stack: AsyncExitStack) -> None:
        taken = ports.of_seat(2)[0]
        with (
            socket.create_server(("127.0.0.1", taken)),
            pytest.raises(MachineLacks) as caught,
        ):
            await ports.open("127.0.0.1", stack)
        assert str(taken) in caught.value.message and caught.value.cause

    run(work)
