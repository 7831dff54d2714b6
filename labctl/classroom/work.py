"""The same work at many seats. A seat that fails never stops the others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from labctl.classroom.roll import Seat
from labctl.errors import LabError, system_words
from labctl.i18n import _
from labctl.parallel import on_each
from labctl.progress import Progress

Value = TypeVar("Value")


@dataclass(frozen=True)
class SeatResult(Generic[Value]):
    """What came of the work at one seat: a value, or the error. `seconds` is elapsed time."""

    seat: Seat
    seconds: float
    value: Value | None = None
    error: LabError | None = None

    @property
    def ok(self) -> bool:
        return self.error is None


class Watcher(Protocol):
    """Callbacks about the work. They are called from several threads."""

    def begun(self, seat: Seat) -> None:
        """The work at this seat begins."""

    def at(self, seat: Seat, host: str, message: str) -> None:
        """What is done at the seat now; `host` is "" for the whole lab."""

    def ended(self, result: SeatResult[Any]) -> None:
        """The work at this seat has ended."""

    def stopping(self) -> None:
        """Ctrl-C was pressed. No more seats begin."""


class Nobody:
    """A watcher that ignores everything."""

    def begun(self, seat: Seat) -> None: ...

    def at(self, seat: Seat, host: str, message: str) -> None: ...

    def ended(self, result: SeatResult[Any]) -> None: ...

    def stopping(self) -> None: ...


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_seats(
    seats: Sequence[Seat],
    action: Callable[[Seat, Progress], Value],
    watcher: Watcher | None = None,
    *,
    at_once: int,
) -> list[SeatResult[Value]]:
    """Run `action` at every seat, `at_once` of them at a time.

    Returns:
        The results in the order of the seats.

    Raises:
        KeyboardInterrupt: After the seats at work have ended; the others were not begun.
    """
    seen = watcher or Nobody()
    return on_each(
        seats, lambda seat: _one(seat, action, seen), at_once=at_once, stop=seen.stopping
    )


def of_machine(error: OSError) -> LabError:
    """What this machine refused: a full disk, a file that cannot be written."""
    return LabError(_("this machine has a problem"), cause=system_words(error))


def _one(
    seat: Seat, action: Callable[[Seat, Progress], Value], watcher: Watcher
) -> SeatResult[Value]:
    begun = time.monotonic()
    watcher.begun(seat)

    def seconds() -> float:
        return time.monotonic() - begun

    try:
        value = action(seat, lambda host, message: watcher.at(seat, host, message))
        result = SeatResult(seat, seconds(), value)
    except LabError as error:
        result = SeatResult(seat, seconds(), error=error)
    except OSError as error:
        result = SeatResult(seat, seconds(), error=of_machine(error))
    watcher.ended(result)
    return result
