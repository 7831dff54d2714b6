"""Sockets to the addresses of a lab: the one place that knows which network they are in.

A lab of containers has a network namespace of its own, so that any number of labs can have the
same addresses. A socket belongs to the namespace of the thread that makes it and works from any
other thread afterwards (network_namespaces(7)). A lab on another machine is dialled by a
neighbour of its hosts (labctl.neighbour).
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any

from labctl import neighbour
from labctl.endpoint import Endpoint

# sched.h
_CLONE_NEWNET = 0x4000_0000


def tcp(endpoint: Endpoint, address: str, port: int, timeout: float) -> socket.socket:
    """Connect to an address of the endpoint's lab, from outside of its hosts.

    Args:
        endpoint: Any host of the lab.
        address: An IPv4 address.
        timeout: Seconds for the connection and for each later operation.

    Raises:
        OSError: Nobody accepts the connection.
    """
    if endpoint.neighbour:
        return neighbour.tcp(endpoint.neighbour, address, port, timeout)
    return connect(endpoint.netns, address, port, timeout)


def connect(netns: Path | None, address: str, port: int, timeout: float) -> socket.socket:
    """The same in a network namespace, or in labctl's own network if `netns` is None."""
    found = make_socket(netns, socket.SOCK_STREAM)
    try:
        found.settimeout(timeout)
        found.connect((address, port))
    except BaseException:
        found.close()
        raise
    return found


def udp(endpoint: Endpoint) -> Any:
    """What dns.query.udp takes as `sock`: UDP in the network of the lab. It does not block."""
    if endpoint.neighbour:
        return neighbour.UdpPlug(endpoint.neighbour)
    found = make_socket(endpoint.netns, socket.SOCK_DGRAM)
    found.setblocking(False)
    return found


def make_socket(netns: Path | None, kind: socket.SocketKind) -> socket.socket:
    """An IPv4 socket in the network namespace, or in labctl's own if `netns` is None.

    Raises:
        OSError: The namespace does not exist, or labctl does not run as root.
    """
    if netns is None:
        return socket.socket(socket.AF_INET, kind)
    made: list[socket.socket | OSError] = []

    def work() -> None:
        try:
            enter(netns)
            made.append(socket.socket(socket.AF_INET, kind))
        except OSError as error:
            made.append(error)

    # A thread of its own ends inside: no thread ever has to find its way back.
    thread = Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def enter(netns: Path) -> None:
    """Move the calling thread into a network namespace; threads that it starts follow.

    Raises:
        OSError: The namespace does not exist, or labctl does not run as root.
    """
    with netns.open("rb") as opened:
        # os.setns exists from Python 3.12 on.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(opened.fileno(), _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(netns))


def inside(netns: Path | None, argv: Sequence[str]) -> list[str]:
    """The command line that runs a command in the network namespace (nsenter(1))."""
    return list(argv) if netns is None else ["nsenter", f"--net={netns}", "--", *argv]
