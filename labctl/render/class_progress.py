"""Progress of a class on stderr: a line with counts, and one line for each seat at work."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Lock
from typing import Any, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from labctl.classroom.roll import Seat
from labctl.classroom.work import SeatResult
from labctl.i18n import _, ngettext
from labctl.render.screen import console_err
from labctl.render.shown import escape


class ClassLive:
    """A labctl.classroom.work.Watcher. Without a terminal it prints a line for each seat's end."""

    def __init__(self, seats: Sequence[Seat], *, quiet: bool = False) -> None:
        self._total = len(seats)
        self._quiet = quiet
        self._begun = time.monotonic()
        self._at_work: dict[int, tuple[Seat, float, str]] = {}
        self._done = self._failed = 0
        self._lock = Lock()
        # Not the lock above: the live display takes that one while it holds the console's.
        self._in_order = Lock()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if not self._quiet and console_err().is_terminal:
            self._live = Live(
                console=console_err(), get_renderable=self._page, refresh_per_second=4,
                transient=True,
            )  # fmt: skip
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def begun(self, seat: Seat) -> None:
        with self._lock:
            self._at_work[seat.number] = (seat, time.monotonic(), "")

    def at(self, seat: Seat, host: str, message: str) -> None:
        with self._lock:
            if seat.number in self._at_work:
                told = f"{host}  {message}" if host else message
                self._at_work[seat.number] = (seat, self._at_work[seat.number][1], told)

    def ended(self, result: SeatResult[Any]) -> None:
        with self._in_order:
            with self._lock:
                self._at_work.pop(result.seat.number, None)
                self._done += 1
                self._failed += not result.ok
                place = f"{self._done}/{self._total}"
            if result.error is not None:
                self.note(f"✗ {result.seat.label}  {result.error.message}  {place}", style="red")
            elif self._live is None:
                self.note(f"✓ {result.seat.label}  {result.seconds:.1f} s  {place}")

    def stopping(self) -> None:
        with self._lock:
            seats = ", ".join(seat.label for seat, _begun, _told in self._at_work.values())
        if seats:
            self.note(_("stopping; these seats are finished first: {seats}", seats=seats))

    def progress(self, host: str, message: str) -> None:
        """Progress callback (labctl.progress.Progress) for what comes before the seats."""
        self.note(f"{host}  {message}" if host else message)

    def note(self, text: str, style: str = "") -> None:
        """Print a line that stays, with the time since the beginning."""
        if not self._quiet:
            seconds = time.monotonic() - self._begun
            console_err().print(escape(f"{seconds:6.1f} s  {text}"), style=style or None)

    def _page(self) -> RenderableType:
        with self._lock:
            at_work = list(self._at_work.values())
            done, failed = self._done, self._failed
        waiting = self._total - done - len(at_work)
        now = time.monotonic()
        head = ngettext(
            "{done} of {count} seat done, {failed} failed, {waiting} waiting",
            "{done} of {count} seats done, {failed} failed, {waiting} waiting",
            self._total,
            done=done - failed,
            failed=failed,
            waiting=waiting,
        )
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        # As many as fit on the screen above the line with the counts.
        room = max(1, console_err().height - 3)
        for seat, begun, told in at_work[:room]:
            table.add_row(seat.label, f"{now - begun:5.1f} s", escape(told))
        return Group(table, Text(f"{now - self._begun:6.1f} s  {head}", style="bold"))
