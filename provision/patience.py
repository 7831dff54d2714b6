"""How long to wait for an answer on a busy machine. On a host, scripts/patience.sh tells it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# On a busy machine, at most so many times as long.
_LONGEST = 6.0
_LOAD = Path("/proc/loadavg")


def patient(seconds: float) -> float:
    """The seconds to wait for an answer, more of them if this machine is busy.

    The hosts of a lab share its processors, so that a late answer would look like none.
    """
    return seconds * min(_LONGEST, max(1.0, _load() / (os.cpu_count() or 1) / 2))


def _load() -> float:
    """How many processes run or wait to run: now, or as a mean of the last minute.

    At the start of a check only the run queue is long.
    """
    found = 0.0
    # Windows has neither, macOS no /proc.
    with suppress(AttributeError, OSError):
        found = os.getloadavg()[0]
    with suppress(OSError, ValueError, IndexError):
        found = max(found, float(_LOAD.read_text().split()[3].partition("/")[0]))
    return found
