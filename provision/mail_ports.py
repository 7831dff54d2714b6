"""The connection to a mail port of a host: over the network, or past the host's firewall.

Past the firewall means through the SSH connection, so that a closed port is the firewall
section's failure alone. No connection outlasts the deadline of the check.
"""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import smtplib
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labctl import dial
from labctl.waiting import ASK_SECONDS
from provision.patience import patient
from provision.step import Target

if TYPE_CHECKING:
    import paramiko

SECONDS = 6.0
_CONNECT_SECONDS = 1.5
# For a server that did not answer before.
_AGAIN_SECONDS = 0.5
# For a session that begins at the deadline.
_LEAST = 1.0
# How Python's protocol clients fail.
_FAILURES = (EOFError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto)


def seconds_left(target: Target, seconds: float = SECONDS) -> float:
    """How long to wait for an answer of the host now.

    A session may begin late, because it waits for the mailbox. A server that works is fast.
    """
    return max(target.left(patient(seconds)), patient(_LEAST))


@contextlib.contextmanager
def by_deadline(target: Target, plug: Any) -> Iterator[None]:
    """Cut the connection at the deadline of the check, however often the server answers."""
    if target.ends is None:
        yield
        return
    is_over, is_ended = threading.Event(), threading.Event()
    left = target.at_least(patient(_LEAST))

    def watch() -> None:
        while seconds := left():
            if is_ended.wait(min(seconds, ASK_SECONDS)):
                return
        _cut(plug, is_over)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except (*_FAILURES, OSError) as error:
        if is_over.is_set():
            # It looks as if the server had closed the connection.
            raise TimeoutError from error
        raise
    finally:
        is_ended.set()


def _cut(plug: Any, is_over: threading.Event) -> None:
    is_over.set()
    with contextlib.suppress(OSError, EOFError):
        plug.shutdown(socket.SHUT_RDWR)
        if not isinstance(plug, socket.socket):
            # A channel of SSH wakes its reader only when it is closed.
            plug.close()


def connect(target: Target, port: int) -> Any:
    """A connection to the port: over the network, else through SSH. Raises OSError for none.

    Either way the socket's type is one that smtplib and its kin can use.
    """
    found: Any = _over_network(target, port) or through_ssh(target, port)
    found.settimeout(_AGAIN_SECONDS if target.turns.is_silent(port) else seconds_left(target))
    return found


def _over_network(target: Target, port: int) -> Any:
    """A connection over the network, or None. Nobody waits a second time for a closed port."""
    if target.turns.is_closed(port):
        return None
    endpoint, address = target.remote.endpoint, str(target.host.address)
    try:
        return dial.tcp(endpoint, address, port, seconds_left(target, _CONNECT_SECONDS))
    except OSError as error:
        if isinstance(error, TimeoutError):
            target.turns.note_closed(port)
        return None


def through_ssh(target: Target, port: int) -> paramiko.Channel:
    """A connection from the host to its own lab address; raises OSError if nobody answers."""
    # The machine is busiest when a check begins, so the seconds of that moment are too many.
    left = None if target.ends is None else target.at_least(patient(_LEAST))
    return target.remote.open_tcp(str(target.host.address), port, seconds_left(target), left)
