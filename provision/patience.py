"""How long to wait for an answer on a busy machine. On a host, scripts/patience.sh tells it.

The hosts of a lab share its processors, so a late answer would look like none.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# By how much a time to wait is multiplied at most on a busy machine.
_LONGEST = 6.0
# So many processes run or wait to run for two seconds when a check begins, because labctl asks
# everything at once. Beside them, so many on each processor are no busy machine. See also
# scripts/patience.sh.
_OWN, _USUAL_LOAD = 40, 2
_LOAD = Path("/proc/loadavg")
# The time that processes have waited for the disk since the machine started (PSI of Linux).
_PRESSURE = Path("/proc/pressure/io")
# Seconds between two looks at the clock, and by how much a look may be late on a machine that runs.
_TICK, _USUAL = 0.05, 0.1
# Seconds of standstill, and their share of the whole time, after which a late answer says nothing.
# A machine that is only busy waits for its disk now and then.
_STANDSTILL, _SHARE = 1.0, 0.25


class Deadline:
    """The end of a check. Seconds in which the machine is busy count less.

    It looks at the machine whenever somebody asks what is left, so that a check that was begun on
    a quiet machine gets more time if the machine becomes busy.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._asked = seconds, time.monotonic()
        self._busy = _busy()
        self._counting = threading.Lock()

    def left(self) -> float:
        """The seconds until the end if the machine stays as busy as it is, 0 at the end."""
        with self._counting:
            now, busy = time.monotonic(), _busy()
            self._seconds -= (now - self._asked) * 2 / (self._busy + busy)
            self._asked, self._busy = now, busy
            return max(0.0, self._seconds * busy)


class Standstill:
    """How long the machine stood still: no processor for this process, or no disk for any.

    Load does not show it. A disk that writes a large file keeps a small one waiting for seconds.
    """

    def __init__(self, now: float) -> None:
        self._late, self._disk = 0.0, _waited_for_disk()
        self._begun = self._last = now

    def looked(self, now: float) -> None:
        """Count how late this look at the clock is. There is one in each `_TICK`."""
        self._late += max(0.0, now - self._last - _TICK - _USUAL)
        self._last = now

    def was_long(self) -> bool:
        """Whether an answer may be late for this reason alone."""
        stood = max(self._late, _waited_for_disk() - self._disk)
        return stood >= max(_STANDSTILL, _SHARE * (self._last - self._begun))


@contextmanager
def standstill() -> Iterator[Standstill]:
    """Watch the machine while the block runs."""
    found, is_over = Standstill(time.monotonic()), threading.Event()

    def watch() -> None:
        while not is_over.wait(_TICK):
            found.looked(time.monotonic())

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield found
    finally:
        is_over.set()
        watching.join()


def _waited_for_disk() -> float:
    """The seconds in which a process waited for the disk; 0 where the system does not tell it."""
    with suppress(OSError, ValueError, IndexError):
        return int(_PRESSURE.read_text().split()[4].removeprefix("total=")) / 1_000_000
    return 0.0


def patient(seconds: float) -> float:
    """The seconds to wait for an answer, more of them if this machine is or was just busy."""
    return seconds * _busy()


def patiently(seconds: float) -> Callable[[], float]:
    """Return a function that tells the seconds left for a script that waits longer if it is busy.

    Such a script looks at the load once, at its beginning. It gets the time that it then plans.
    """
    deadline, planned = Deadline(seconds), time.monotonic() + patient(seconds)
    return lambda: max(deadline.left(), planned - time.monotonic())


def _busy() -> float:
    """By how much to multiply a time to wait now.

    The load is a mean of the last minute. A machine that is just becoming busy has a long queue.
    """
    return max(_busy_lately(), _busy_now())


def _busy_now() -> float:
    """The same by the processes of this moment."""
    with suppress(OSError, ValueError, IndexError):
        return _times(float(_LOAD.read_text().split()[3].partition("/")[0]) - _OWN)
    # macOS has no /proc.
    return 1.0


def _busy_lately() -> float:
    """The same for the last minute. Windows does not tell it."""
    with suppress(AttributeError, OSError):
        return _times(os.getloadavg()[0])
    return 1.0


def _times(running: float) -> float:
    """By how much to multiply a time to wait while this number of processes runs or waits."""
    return min(_LONGEST, max(1.0, running / (os.cpu_count() or 1) / _USUAL_LOAD))
