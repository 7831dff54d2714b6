"""Connections that a neighbour of the hosts makes for labctl.

A lab on another machine has addresses that exist only there. Its provider then names a command
that runs words on a machine in the lab's network that is not a host. What it reaches has passed
the host's firewall from outside, as a mail client's connection has.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, Self

from labctl.errors import nobody_listens
from labctl.quote import shell_line
from labctl.scripts import Script
from labctl.tunnel import Tunnel

# Seconds for the command to begin: it may have to log in to a server far away.
_START_SECONDS = 15.0
_STARTED, _CONNECTED = b".", b"+"


class Plug(socket.socket):
    """One end of a connection; closing it ends the command that carries the connection."""

    def __init__(self, tunnel: Tunnel) -> None:
        super().__init__(fileno=tunnel.socket.detach())
        self._tunnel = tunnel

    def close(self) -> None:
        super().close()
        # An open file on the socket, as smtplib has one, keeps the socket itself open.
        if self.fileno() == -1:
            self._tunnel.close()


def tcp(neighbour: Sequence[str], address: str, port: int, timeout: float) -> socket.socket:
    """Connect from the neighbour to an address; see labctl.dial.tcp.

    Raises:
        OSError: ConnectionRefusedError if nobody listens, TimeoutError if nobody answers.
    """
    plug = _begin(neighbour, "tcp")
    try:
        plug.sendall(f"{address} {port}\n".encode())
        plug.settimeout(timeout)
        if plug.recv(1) != _CONNECTED:
            raise nobody_listens()
    except BaseException:
        plug.close()
        raise
    return plug


def _begin(neighbour: Sequence[str], protocol: str) -> Plug:
    """A command that has begun: only the time from here on is the network's own."""
    relay = Script("labctl.neighbour", "relay.bash").text
    tunnel = Tunnel([*neighbour, "bash", "-c", relay, "bash", protocol])
    plug = Plug(tunnel)
    plug.settimeout(_START_SECONDS)
    try:
        started = plug.recv(1)
    except TimeoutError:
        started = b""
    if started != _STARTED:
        plug.close()
        raise OSError(tunnel.said or shell_line(neighbour))
    return plug


class UdpPlug:
    """What dns.query.udp takes for an unconnected UDP socket. It does not block."""

    family = socket.AF_INET

    def __init__(self, neighbour: Sequence[str]) -> None:
        self._plug = _begin(neighbour, "udp")
        self._plug.setblocking(False)
        self._peer: tuple[str, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._plug.close()

    def fileno(self) -> int:
        return self._plug.fileno()

    def sendto(self, data: bytes, peer: Any) -> int:
        """Send a datagram, always to the same address."""
        there = (str(peer[0]), int(peer[1]))
        if self._peer is None:
            self._plug.sendall(f"{there[0]} {there[1]}\n".encode())
            self._peer = there
        assert there == self._peer
        return self._plug.send(data)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if self._peer is None:
            raise BlockingIOError
        data = self._plug.recv(size)
        if not data:
            raise nobody_listens()
        return data, self._peer
