"""A port for each host of each seat, by which students reach sshd with their own SSH client.

The ports only pass bytes on to port 22 of the host. Who may log in is decided by sshd there.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial

from labctl import dial
from labctl.classroom import actions
from labctl.classroom.roll import Roll
from labctl.errors import LabError, MachineLacks
from labctl.i18n import _

# Connections to the hosts of one seat.
_MOST_OF_SEAT = 20
_CONNECT_SECONDS = 5.0
_CHUNK = 64 * 1024

# Connects to sshd on a host of a seat; raises LabError or OSError. Called in a thread.
Dial = Callable[[int, str], socket.socket]


class SshPorts:
    """The ports of a class: from `first` on, seat by seat and host by host."""

    def __init__(
        self, first: int, seats: Sequence[int], hosts: Sequence[str], dial_host: Dial
    ) -> None:
        self._first = first
        self._seats = seats
        self._hosts = hosts
        self._dial = dial_host
        self._open: Counter[int] = Counter()

    def of_seat(self, seat: int) -> tuple[int, ...]:
        """The ports of a seat, in the order of its hosts."""
        begin = self._first + (seat - 1) * len(self._hosts)
        return tuple(range(begin, begin + len(self._hosts)))

    async def open(self, address: str, stack: AsyncExitStack) -> None:
        """Listen until the stack is closed.

        Raises:
            MachineLacks: A port cannot be used.
        """
        for seat in self._seats:
            for host, port in zip(self._hosts, self.of_seat(seat), strict=True):
                answer = partial(self._connected, seat, host)
                try:
                    server = await asyncio.start_server(answer, address, port)
                except (OSError, OverflowError) as error:
                    why = error.strerror if isinstance(error, OSError) else None
                    raise MachineLacks(
                        _("the address {host} port {port} cannot be used", host=address, port=port),
                        cause=why or str(error),
                    ) from error
                await stack.enter_async_context(server)

    async def _connected(
        self, seat: int, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._open[seat] += 1
        try:
            if self._open[seat] <= _MOST_OF_SEAT:
                await self._pass_on(seat, host, reader, writer)
        except (OSError, LabError):
            # The host or its sshd does not run, or one end is gone.
            pass
        finally:
            self._open[seat] -= 1
            writer.close()

    async def _pass_on(
        self, seat: int, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        found = await asyncio.to_thread(self._dial, seat, host)
        found.setblocking(False)
        for end in (found, writer.get_extra_info("socket")):
            # A browser that vanished is noticed.
            end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        inner, out = await asyncio.open_connection(sock=found)
        try:
            ways = [
                asyncio.create_task(_pump(reader, out)),
                asyncio.create_task(_pump(inner, writer)),
            ]
            await asyncio.wait(ways, return_when=asyncio.ALL_COMPLETED)
        finally:
            out.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy until the end of the source, and tell the sink that it has come."""
    with suppress(OSError):
        while content := await source.read(_CHUNK):
            sink.write(content)
            await sink.drain()
    with suppress(OSError):
        if sink.can_write_eof():
            sink.write_eof()


def dial_seat(roll: Roll, seat: int, host: str) -> socket.socket:
    """A connection to sshd on a host of a seat, over the lab's network.

    Raises:
        LabError: The host does not run.
        OSError: Its sshd does not answer.
    """
    endpoint = actions.opened(roll, roll.seat(seat)).provider.endpoints()[host]
    return dial.tcp(endpoint, endpoint.address, endpoint.port, _CONNECT_SECONDS)
