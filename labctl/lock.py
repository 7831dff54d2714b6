"""Per-lab lock: one labctl at a time changes a lab. A second one fails and names the holder."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from labctl.errors import WrongState
from labctl.hint import Hint
from labctl.home import LabHome, write_atomically
from labctl.i18n import _


@contextmanager
def locked(home: LabHome, *, removes: bool = False) -> Iterator[None]:
    """Hold the lab's lock; raises WrongState with the holder if another process has it.

    The kernel releases the lock when the process ends, however it ends.

    Args:
        removes: Whether the block removes the lab. The lock file then goes with it.
    """
    # Nobody else may enter: the folder contains the hosts' set-user-ID programs.
    home.lock_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(home.lock_file, blocking=False)
    try:
        while not _acquired(lock, home.lock_file):
            pass
    except Timeout as error:
        raise WrongState(
            _("another labctl is working on the lab {name}", name=home.name),
            cause=_holder(home),
            hint=Hint(_("wait until it ends, then try again")),
        ) from error
    try:
        with _named(home.lock_file.with_suffix(".holder")):
            yield
        if removes:
            _remove(home.lock_file)
    finally:
        lock.release()


def _acquired(lock: FileLock, path: Path) -> bool:
    """Take the lock. Returns False if its file was removed meanwhile: that one guards nothing.

    Raises:
        Timeout: Another process has it.
    """
    # While it is open, no other file gets its number.
    with path.open("ab") as opened:
        try:
            lock.acquire()
        except Timeout:
            if _is_at(path, opened):
                raise
            return False
        if _is_at(path, opened):
            return True
        lock.release()
        return False


def _is_at(path: Path, opened: BinaryIO) -> bool:
    """Whether the file that was opened still has this path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(opened.fileno()))
    except FileNotFoundError:
        return False


def _remove(lock_file: Path) -> None:
    """Remove the file of a lock that is held. Afterwards another process could lock a new file.

    Windows refuses to remove a file that is open, so it stays there.
    """
    if sys.platform != "win32":
        lock_file.unlink(missing_ok=True)


@contextmanager
def _named(holder: Path) -> Iterator[None]:
    """Write down for others who holds the lock."""
    command = " ".join(["labctl", *_without_options(sys.argv[1:])[:2]])
    # On a full disk only the name of the holder is missing: `destroy` can free the space.
    with suppress(OSError):
        write_atomically(holder, json.dumps({"pid": os.getpid(), "command": command}))
    try:
        yield
    finally:
        # On Windows another process may be reading it. The next holder replaces it.
        with suppress(OSError):
            holder.unlink(missing_ok=True)


def _without_options(words: Sequence[str]) -> Sequence[str]:
    """The words of a command line from the command on."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] == "--lang" else 1
    return words[at:]


def _holder(home: LabHome) -> str:
    if (seen := _read_holder(home)) is None:
        return ""
    pid, command = seen
    return f"pid {pid}: {command}"


def _read_holder(home: LabHome) -> tuple[int, str] | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        seen = json.loads(home.lock_file.with_suffix(".holder").read_text(encoding="utf-8"))
        return int(seen["pid"]), str(seen["command"])
    return None


def command_at_work(home: LabHome) -> str:
    """What another process that has the lab's lock does, like `labctl reset`; "" if none has it.

    Only for Linux. Cheap enough to be called several times a second.
    """
    seen = _read_holder(home)
    # A labctl that was killed leaves its name.
    if seen is None or seen[0] == os.getpid() or not Path(f"/proc/{seen[0]}").exists():
        return ""
    lock = FileLock(home.lock_file, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        return seen[1]
    # Another program has the number of the one that was killed.
    lock.release()
    return ""
