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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from provision.step import Target

# By host, that is by the connection that all checks of the host share.
_MAILBOXES: defaultdict[int, Lock] = defaultdict(Lock)
# By host and port.
_CLIENTS: defaultdict[tuple[int, int], Lock] = defaultdict(Lock)
# The hosts whose lock a delivery has.
_DELIVERING: set[int] = set()
# The servers, as host and port, that did not answer in time in this check.
_SILENT: set[tuple[int, int]] = set()
# The ports that cannot be reached over the network, by host.
_CLOSED: set[tuple[int, int]] = set()
# Seconds after which a session begins anyway, because no delivery takes as long.
_PATIENCE = 20.0


def begin_check(targets: Sequence[Target]) -> None:
    """Forget which servers of these hosts did not answer, and which ports are closed."""
    hosts = {id(target.remote) for target in targets}
    for servers in (_SILENT, _CLOSED):
        servers.difference_update({server for server in servers if server[0] in hosts})


def did_not_answer(target: Target, port: int) -> None:
    """Note that a server did not answer in time, so that nobody waits for it as long again."""
    _SILENT.add((id(target.remote), port))


def is_silent(target: Target, port: int) -> bool:
    """Whether a server did not answer in time before, in this check."""
    return (id(target.remote), port) in _SILENT


def begin_deliveries(targets: Sequence[Target]) -> None:
    """Keep sessions from the mailboxes of these hosts until `end_deliveries` of each."""
    for target in targets:
        host = id(target.remote)
        if _MAILBOXES[host].acquire(timeout=_PATIENCE):
            _DELIVERING.add(host)


def end_deliveries(target: Target) -> None:
    """Let sessions open the mailbox of this host."""
    host = id(target.remote)
    if host in _DELIVERING:
        _DELIVERING.discard(host)
        _MAILBOXES[host].release()


def note_closed(target: Target, port: int) -> None:
    """Note that the port cannot be reached over the network, so that nobody tries it again."""
    _CLOSED.add((id(target.remote), port))


def is_closed(target: Target, port: int) -> bool:
    """Whether the port could not be reached over the network before, in this check."""
    return (id(target.remote), port) in _CLOSED


@contextmanager
def only_client(target: Target, port: int, seconds: float = _PATIENCE) -> Iterator[None]:
    """Wait until the other clients of this check are done with the port, then keep them out.

    Args:
        seconds: how long to wait at most; then the client goes on beside the others.
    """
    with _held(_CLIENTS[id(target.remote), port], target, seconds):
        yield


@contextmanager
def alone_with_mailbox(target: Target) -> Iterator[None]:
    """Wait for the end of deliveries and other sessions, then keep them out.

    Raises:
        TimeoutError: the mailbox is locked since before the check.
    """
    if target.is_locked:
        raise TimeoutError
    with _held(_MAILBOXES[id(target.remote)], target, _PATIENCE):
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
