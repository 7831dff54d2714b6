"""Per-lab lock: one labctl at a time changes a lab. A second one fails and names the holder."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from labctl.errors import WrongState
from labctl.hint import Hint
from labctl.home import LabHome, write_atomically
from labctl.i18n import _


@contextmanager
def locked(home: LabHome) -> Iterator[None]:
    """Hold the lab's lock; raises WrongState with the holder if another process has it.

    The kernel releases the lock when the process ends, however it ends.
    """
    # Nobody else may enter: the folder contains the hosts' set-user-ID programs.
    home.lock_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(home.lock_file, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise WrongState(
            _("another labctl is working on the lab {name}", name=home.name),
            cause=_holder(home),
            hint=Hint(_("wait until it ends, then try again")),
        ) from error
    holder = home.lock_file.with_suffix(".holder")
    try:
        command = " ".join(["labctl", *sys.argv[1:3]])
        # On a full disk only the name of the holder is missing: `destroy` can free the space.
        with suppress(OSError):
            write_atomically(holder, json.dumps({"pid": os.getpid(), "command": command}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(home: LabHome) -> str:
    with suppress(OSError, ValueError, KeyError):
        seen = json.loads(home.lock_file.with_suffix(".holder").read_text(encoding="utf-8"))
        return f"pid {seen['pid']}: {seen['command']}"
    return ""
