"""How long to wait for an answer on a busy machine. On a host, scripts/patience.sh tells it.

The hosts of a lab share its processors, so a late answer would look like none.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

# On a busy machine, at most so many times as long.
_LONGEST = 6.0
# A check's own programs make so many processes run on each processor of a quiet machine.
_OWN = 2
_LOAD = Path("/proc/loadavg")


class Deadline:
    """The end of a check. Seconds in which the machine is busy count less.

    It looks at the machine whenever somebody asks what is left, so that a check that was begun on
    a quiet machine gets more time if the machine becomes busy.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._asked = seconds, time.monotonic()
        self._busy = _busy_now()
        self._counting = threading.Lock()

    def left(self) -> float:
        """The seconds until the end if the machine stays as busy as it is, 0 at the end."""
        with self._counting:
            now, busy = time.monotonic(), _busy_now()
            self._seconds -= (now - self._asked) * 2 / (self._busy + busy)
            self._asked, self._busy = now, busy
            return max(0.0, self._seconds * busy)


def patient(seconds: float) -> float:
    """The seconds to wait for an answer, more of them if this machine is or was just busy."""
    load = 0.0
    # Windows has none.
    with suppress(AttributeError, OSError):
        load = os.getloadavg()[0]
    return seconds * max(_times(load), _busy_now())


def _busy_now() -> float:
    """How many times as long everything takes at this moment."""
    with suppress(OSError, ValueError, IndexError):
        return _times(float(_LOAD.read_text().split()[3].partition("/")[0]))
    # Windows and macOS have no /proc.
    return 1.0


def _times(running: float) -> float:
    """How many times as long everything takes while so many processes run or wait to run."""
    return min(_LONGEST, max(1.0, running / (os.cpu_count() or 1) / _OWN))
