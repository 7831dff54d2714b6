"""How large the labs of seats are: measured beside the gradings, which do not wait for it.

A student can make files for hours, and to count them takes a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread

from labctl.classroom.rows import Said
from labctl.errors import LabError

# Seconds between two measurements of a lab, and how many times longer than one of them it rests.
_MEASURE_SECONDS = 60.0
_REST = 20.0
# Seconds that a grading waits for a measurement. Nearly all labs take some milliseconds.
_WAIT_SECONDS = 1.0


class Disks:
    """What is said of the disk of each seat. Any thread may ask; one lab is measured at a time."""

    def __init__(self, measure: Callable[[int], Said]) -> None:
        """`measure` says what is wrong with the disk of a seat; {} if nothing is."""
        self._measure = measure
        self._lock = Lock()
        self._turn = Lock()
        self._said: dict[int, Said] = {}
        # When each seat was last measured, and how long that took.
        self._last: dict[int, tuple[float, float]] = {}
        self._running: set[int] = set()

    def of(self, number: int) -> Said:
        """What the last measurement of a seat said. A new one begins if it is time."""
        done = Event()
        with self._lock:
            begins = number not in self._running and self._is_due(number)
            if begins:
                self._running.add(number)
        if begins:
            Thread(target=self._run, args=(number, done), daemon=True).start()
            done.wait(_WAIT_SECONDS)
        return self._said.get(number, {})

    def _is_due(self, number: int) -> bool:
        if number not in self._last:
            return True
        at, took = self._last[number]
        return time.monotonic() - at >= max(_MEASURE_SECONDS, _REST * took)

    def _run(self, number: int, done: Event) -> None:
        said: Said = {}
        try:
            with self._turn:
                began = time.monotonic()
                with suppress(LabError, OSError):
                    said = self._measure(number)
                now = time.monotonic()
            self._said[number] = said
            self._last[number] = (now, now - began)
        finally:
            self._running.discard(number)
            done.set()
