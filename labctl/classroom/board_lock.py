"""One board for each class, and no board while its class is removed or emptied."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from labctl.classroom.roll import Roll
from labctl.errors import WrongState
from labctl.hint import Hint
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
    with _held(roll, refusal), path.open("rb") as opened:

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
        raise WrongState(
            refusal, hint=Hint(_("stop it with Ctrl-C in the terminal that started it"))
        ) from error
    try:
        yield
    finally:
        lock.release()
