"""One board for each class, and no board while its class is removed or emptied."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from labctl.classroom.roll import Roll
from labctl.errors import WrongState
from labctl.hint import Hint
from labctl.home import write_atomically
from labctl.i18n import _


@contextmanager
def held_by_board(roll: Roll) -> Iterator[Callable[[], bool]]:
    """Hold the board's lock; the kernel releases it however the board ends.

    Yields:
        A function that returns False once the class was removed, even if there is another class
        of the same name.

    Raises:
        WrongState: A board of this class runs already.
    """
    path = roll.folder / "board.lock"
    refusal = _("the board of the class {name} is already running", name=roll.name)
    # While the file is open, no other file gets its number.
    with _held(roll, refusal), _numbered(roll), path.open("rb") as opened:

        def is_current() -> bool:
            try:
                return os.path.samestat(path.stat(), os.fstat(opened.fileno()))
            except OSError:
                return False

        yield is_current


@contextmanager
def without_board(roll: Roll) -> Iterator[None]:
    """Make sure that no board of the class runs in the block.

    Raises:
        WrongState: A board runs.
    """
    if sys.platform == "win32":
        # There is no board, and an open file could not be removed.
        yield
        return
    with _held(roll, _("the board of the class {name} is running", name=roll.name)):
        yield


@contextmanager
def _held(roll: Roll, refusal: str) -> Iterator[None]:
    lock = FileLock(roll.folder / "board.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise WrongState(refusal, hint=_stop(roll)) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _numbered(roll: Roll) -> Iterator[None]:
    """Write down the process of the board, which may have no terminal."""
    path = _number_file(roll)
    with suppress(OSError):
        write_atomically(path, f"{os.getpid()}\n")
    try:
        yield
    finally:
        # If the class was removed, there may be another one of its name, with a board.
        with suppress(OSError):
            if _number(roll) == os.getpid():
                path.unlink(missing_ok=True)


def _number(roll: Roll) -> int | None:
    try:
        return int(_number_file(roll).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _number_file(roll: Roll) -> Path:
    return roll.folder / "board.pid"


def _stop(roll: Roll) -> Hint:
    if (number := _number(roll)) is None:
        return Hint(_("stop it with Ctrl-C in the terminal that started it"))
    text = _("stop it with Ctrl-C in the terminal that started it, or with this command")
    return Hint(text, (("kill", str(number)),))
