"""Turns of one check at a host: who has the mailbox or a port, and which server does not answer.

The mailbox belongs to deliveries, or to one of our IMAP and POP3 sessions. The port of IMAP or POP3
belongs to one session.

Postfix takes the dot lock of an mbox and then the fcntl lock (mbox_open in its source). Dovecot
as Debian sets it up takes them the other way round (doveconf mbox_write_locks). A delivery during
a session can therefore block both, until Postfix gives up after 20 seconds (postconf(5),
deliver_lock_attempts). Two sessions can block each other for good.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provision.step import Target

# Seconds after which a session begins anyway, because no delivery takes as long.
_PATIENCE = 20.0


class Turns:
    """The turns at one host, for one check."""

    def __init__(self) -> None:
        self.mailbox = Lock()
        self.clients: defaultdict[int, Lock] = defaultdict(Lock)
        self._is_delivering = False
        self._silent: set[int] = set()
        self._closed: set[int] = set()

    def begin_deliveries(self) -> None:
        """Keep sessions from the mailbox until `end_deliveries`."""
        self._is_delivering = self.mailbox.acquire(timeout=_PATIENCE)

    def end_deliveries(self) -> None:
        """Let sessions open the mailbox; idempotent."""
        if self._is_delivering:
            self._is_delivering = False
            self.mailbox.release()

    def note_silent(self, port: int) -> None:
        """Note that a server did not answer in time, so that nobody waits for it as long again."""
        self._silent.add(port)

    def is_silent(self, port: int) -> bool:
        """Whether a server did not answer in time before."""
        return port in self._silent

    def note_closed(self, port: int) -> None:
        """Note that the port cannot be reached over the network, so that nobody tries it again."""
        self._closed.add(port)

    def is_closed(self, port: int) -> bool:
        """Whether the port could not be reached over the network before."""
        return port in self._closed


@contextmanager
def only_client(target: Target, port: int, seconds: float = _PATIENCE) -> Iterator[None]:
    """Wait until the other clients of this check are done with the port, then keep them out.

    Args:
        seconds: how long to wait at most; then the client goes on beside the others.
    """
    with _held(target.turns.clients[port], target, seconds):
        yield


@contextmanager
def alone_with_mailbox(target: Target) -> Iterator[None]:
    """Wait for the end of deliveries and other sessions, then keep them out.

    Raises:
        TimeoutError: the mailbox is locked since before the check.
    """
    if target.is_locked:
        raise TimeoutError
    with _held(target.turns.mailbox, target, _PATIENCE):
        yield


@contextmanager
def _held(lock: Lock, target: Target, seconds: float) -> Iterator[None]:
    """Hold the lock. Whoever waits for too long goes on without it."""
    has_it = lock.acquire(timeout=target.left(seconds))
    try:
        yield
    finally:
        if has_it:
            lock.release()
