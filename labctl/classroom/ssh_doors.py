"""SSH from a student's own machine: a TCP port for each host of each seat.

Bytes are copied between the port and the sshd of the host, in the network of the seat's lab. The
host decides who may log in. Nothing else of any lab can be reached, and no packet is forwarded.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from labctl import dial
from labctl.classroom import actions
from labctl.classroom.open_files import allow_many_files
from labctl.classroom.roll import Roll, Seat, lab_of
from labctl.classroom.unix import ending_signals, ensure_unix
from labctl.errors import LabError, WrongState, WrongUsage
from labctl.hint import Hint
from labctl.i18n import _

_SSH = 22
# Seat 7 has the ports from 22070 on: 22071 for its first host.
_PORTS_PER_SEAT = 10
_LAST_PORT = 65535
# Connections at once to one host, from all addresses and from one, so that nobody keeps the others
# out, and how many are being made. A student may let a host drop all packets; the other seats must
# not wait for it.
_MOST, _MOST_OF_ONE, _MOST_DIALLED = 64, 16, 2
_CONNECT_SECONDS = 10.0
_CHUNK = 65536
# An end that disappears silently is noticed after two minutes.
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}


@dataclass(frozen=True)
class Door:
    """The port through which one host of a seat is reached."""

    seat: Seat
    host: str
    port: int


def doors_of(roll: Roll, first: int) -> tuple[Door, ...]:
    """The doors of a class: `first`, ten for each seat before, and the number of the host.

    Raises:
        WrongUsage: The last port is too large.
    """
    hosts = [host.name for host in lab_of(roll).hosts]
    doors = tuple(
        Door(seat, host, first + _PORTS_PER_SEAT * seat.number + place)
        for seat in roll.seats
        for place, host in enumerate(hosts, 1)
    )
    if doors[-1].port > _LAST_PORT:
        raise WrongUsage(
            _("the last seat would have the port {port}", port=doors[-1].port),
            hint=Hint(_("choose a smaller --port")),
        )
    return doors


def serve_doors(roll: Roll, address: str, first: int, ready: Callable[[], None]) -> None:
    """Keep the doors open until Ctrl-C or SIGTERM. `ready` is called once they are.

    Raises:
        MachineLacks: This machine has Windows.
        WrongState: A port is in use.
        WrongUsage: This machine does not have the address.
    """
    ensure_unix()
    # Each connection needs two.
    allow_many_files()
    asyncio.run(_serve(Doors(roll, first), address, ready))


async def _serve(doors: Doors, address: str, ready: Callable[[], None]) -> None:
    asked = asyncio.Event()
    for number in ending_signals():
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    try:
        await doors.open(address)
        ready()
        await asked.wait()
    finally:
        await doors.close()


class Doors:
    """The open doors of a class, as part of an event loop."""

    def __init__(self, roll: Roll, first: int) -> None:
        self._roll = roll
        self._doors = doors_of(roll, first)
        self._servers: list[asyncio.Server] = []
        self._passages: set[asyncio.Task[None]] = set()
        self._open: Counter[tuple[Door, str]] = Counter()
        self._dialled = {door: asyncio.Semaphore(_MOST_DIALLED) for door in self._doors}
        # Not the loop's own threads: hosts that do not answer would occupy them.
        self._dialling = ThreadPoolExecutor(max_workers=_MOST_DIALLED * len(self._doors))

    async def open(self, address: str) -> None:
        """Listen at an address of this machine; raises as `serve_doors`."""
        for door in self._doors:
            try:
                server = await asyncio.start_server(
                    partial(self._enter, door),
                    address,
                    door.port,
                )
            except OSError as error:
                await self.close()
                # Since Python 3.13, asyncio gives no number for an address that is not there.
                lacking = error.errno in {errno.EADDRNOTAVAIL, None}
                if lacking or isinstance(error, socket.gaierror):
                    raise WrongUsage(
                        _("this machine does not have the address {address}", address=address),
                        hint=Hint("", (self._roll.command("ssh", "--host", "0.0.0.0"),)),
                    ) from error
                raise WrongState(
                    _("port {port} cannot be used", port=door.port),
                    cause=os.strerror(error.errno or 0),
                    hint=self._other_port(address),
                ) from error
            self._servers.append(server)

    def _other_port(self, address: str) -> Hint:
        words = ("--port", "PORT")
        return Hint(
            _("choose another first port; the keys need the same one"),
            (
                self._roll.command("ssh", "--host", address, *words),
                self._roll.command("keys", *words),
            ),
        )

    async def close(self) -> None:
        """Close the doors and every connection through them."""
        for server in self._servers:
            server.close()
        for passage in list(self._passages):
            passage.cancel()
        await asyncio.gather(*self._passages, return_exceptions=True)
        self._dialling.shutdown(wait=False, cancel_futures=True)

    def _enter(
        self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        passage = asyncio.create_task(self._pass(door, reader, writer))
        self._passages.add(passage)
        passage.add_done_callback(self._passages.discard)

    async def _pass(
        self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        address = str((writer.get_extra_info("peername") or ("",))[0])
        all_of_it, all_of_one = (door, ""), (door, address)
        self._open.update((all_of_it, all_of_one))
        try:
            if self._open[all_of_it] <= _MOST and self._open[all_of_one] <= _MOST_OF_ONE:
                await self._connect(door, reader, writer)
        except (LabError, OSError):
            # The host does not run or does not answer: the client sees a closed connection.
            pass
        finally:
            self._open.subtract((all_of_it, all_of_one))
            self._open += Counter()
            writer.close()

    async def _connect(
        self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with self._dialled[door]:
            loop = asyncio.get_running_loop()
            plug = await loop.run_in_executor(self._dialling, self._dial, door)
        plug.setblocking(False)
        host_reader, host_writer = await asyncio.open_connection(sock=plug)
        for each in (writer, host_writer):
            _keep_alive(each.get_extra_info("socket"))
        both = [
            asyncio.create_task(_copy(reader, host_writer)),
            asyncio.create_task(_copy(host_reader, writer)),
        ]
        try:
            await asyncio.gather(*both)
        finally:
            for task in both:
                task.cancel()
            host_writer.close()

    def _dial(self, door: Door) -> socket.socket:
        """A connection to the host's sshd. Raises LabError if the host does not run, or OSError."""
        session = actions.opened(self._roll, door.seat)
        endpoint = session.provider.endpoints([door.host])[door.host]
        address = str(session.lab.host(door.host).address)
        return dial.tcp(endpoint, address, _SSH, _CONNECT_SECONDS)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy to the end of the input, and tell the other side that it is over."""
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def _keep_alive(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE.items():
            if hasattr(socket, option):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
