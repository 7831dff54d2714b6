"""Grades the seats of a class in the background. Seats that changed come first.

As many processes grade as the machine has processors, each of them several seats at once, because
a grading mostly waits. A seat that somebody changed is graded at once; the others in turn, few at
a time, so that what the provider cannot notice is found too. The results are kept in memory as
rows, and changes of state in the history. After a restart the seats are graded again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Condition, Lock, Thread

from labctl.classroom.cells import sections_of, within_limit
from labctl.classroom.curve import BREAK_SECONDS
from labctl.classroom.elsewhere import verb_elsewhere
from labctl.classroom.grader import GraderProcess, Worker, WorkerEnded
from labctl.classroom.history import Change, History
from labctl.classroom.roll import Roll, lab_of, open_seat
from labctl.classroom.rows import Cell, CellState, Graded, Row, Stay, dated
from labctl.classroom.work import processors
from labctl.errors import LabError
from labctl.home import LabHome, lab_home
from labctl.i18n import _, in_every_language
from labctl.providers.base import Provider

# Seconds between two looks at the disks.
_LOOK_SECONDS = 0.3
# Seats that each process grades at once: more than by `class check`, because these gradings send no
# mail.
_AT_ONCE = 4
# How many times longer than a look at a seat took it is not looked at again. Its student may have
# made many files, and the other seats need this process, too.
_REST = 20.0
# Seconds after which a seat is graded again though nothing was noticed. It is sooner if the
# provider cannot tell, and where somebody works: no provider notices that a service read its
# settings again.
_TURN_SECONDS = 60.0
_SOONER_SECONDS = 10.0
# Seconds after a change for which somebody is taken to work at the seat.
_AT_WORK_SECONDS = 300.0

# What a grading says of a row.
_GRADED = ("cells", "problem", "disk", "drill", "looked", "at", "at_since")

# Called with each row that is not as before.
Listener = Callable[[Row], None]


@dataclass
class _Seat:
    """What the collector knows of a seat.

    `last` is the last known state of each section and since when, also from before this board.
    `asked` is when the seat was found to need a look, `begun` is when one last began, `changed`
    is when a change was last noticed. Its disk is not looked at before `rests`. `in_turn` is set if
    it is graded without a reason, and `is_outdated` if something was done to it since its grading
    began. `held` is what the board does to it, and `elsewhere` what another labctl does, or "".
    """

    row: Row
    home: LabHome
    stay: Stay = field(default_factory=Stay)
    last: dict[str, tuple[CellState, float]] = field(default_factory=dict)
    provider: Provider | None = None
    revision: str | None = None
    asked: float | None = None
    begun: float = 0.0
    changed: float = -_AT_WORK_SECONDS
    rests: float = 0.0
    is_grading: bool = False
    in_turn: bool = False
    held: str = ""
    elsewhere: str = ""
    is_outdated: bool = False

    @property
    def busy(self) -> str:
        """What is done to it now. It is not graded meanwhile."""
        return self.held or self.elsewhere

    def turn(self, now: float) -> float:
        """Seconds after which it is graded again though nothing was noticed."""
        soon = self.is_at_work(now) or not self.revision
        return _SOONER_SECONDS if soon else _TURN_SECONDS

    def is_at_work(self, now: float) -> bool:
        """Whether somebody works at the seat and is not done."""
        return now - self.changed < _AT_WORK_SECONDS and not self.row.is_done


class Collector:
    """The rows of a class, kept up to date while it runs. Any thread may ask."""

    def __init__(
        self,
        roll: Roll,
        history: History,
        new_worker: Callable[[str], Worker] = GraderProcess,
    ) -> None:
        """`new_worker` makes what grades seats of the class of a name."""
        self._roll = roll
        self._new_worker = new_worker
        self._history = history
        self._count = processors()
        self._workers: dict[int, Worker] = {}
        self._making = Lock()
        self._listeners: list[Listener] = []
        self._changed = Condition()
        self._ends = False
        self._threads: list[Thread] = []
        # When the lesson began, and when a section last changed its state, in seconds of the epoch.
        self._lesson = self._last_change = time.time()
        self.sections = sections_of(lab_of(roll))
        notes = history.notes()
        self._seats = {
            seat.number: _Seat(
                Row(
                    seat=seat.number,
                    label=seat.label,
                    student=seat.student,
                    note=notes.get(seat.number, ""),
                    cells=tuple(Cell(step=section.step) for section in self.sections),
                ),
                lab_home(seat.lab_name),
            )
            for seat in roll.seats
        }
        for (number, step), change in history.newest().items():
            if number in self._seats:
                self._seats[number].last[step] = (change.state, change.at)

    # -- for those who ask ------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """All rows as they are now."""
        with self._changed:
            return [seat.row for seat in self._seats.values()]

    def row(self, number: int) -> Row:
        with self._changed:
            return self._seats[number].row

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for each row that changes, from any thread. Returns what ends it."""
        with self._changed:
            self._listeners.append(listener)

        def end() -> None:
            with self._changed, suppress(ValueError):
                self._listeners.remove(listener)

        return end

    def look_again(self, number: int) -> None:
        """Grade a seat as soon as a process is free."""
        with self._changed:
            self._seats[number].asked = time.monotonic()
            self._changed.notify_all()

    def hold(self, number: int, verb: str) -> bool:
        """Do not grade a seat while something is done to it. False if something is already."""
        with self._changed:
            seat = self._seats[number]
            if seat.held:
                return False
            seat.held, seat.is_outdated = verb, True
            self._set(number, busy=verb)
            return True

    def release(self, number: int) -> None:
        """The seat is graded again, and at once."""
        with self._changed:
            seat = self._seats[number]
            seat.held = ""
            self._set(number, busy=seat.busy)
        self.look_again(number)

    def note(self, number: int, text: str) -> None:
        """Show another note on a seat."""
        with self._changed:
            self._set(number, note=text)

    def _set(self, number: int, **values: object) -> None:
        seat = self._seats[number]
        row = seat.row.model_copy(update=values)
        if row != seat.row:
            seat.row = row
            for listener in self._listeners:
                listener(row)

    # -- the work ---------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look and to grade, in threads and processes of its own."""
        work = [self._watch, *[self._grade_on] * (_AT_ONCE * self._count)]
        self._threads = [Thread(target=each, daemon=True) for each in work]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the processes. A grading that is under way is given up."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)
        for place, worker in list(self._workers.items()):
            self._end(place, worker)

    def _watch(self) -> None:
        """Notice changes on the disks of the seats."""
        while not self._ends:
            for number in self._seats:
                self._look_elsewhere(number)
                self._look_at(number)
                if self._ends:
                    return
            time.sleep(_LOOK_SECONDS)

    def _look_elsewhere(self, number: int) -> None:
        """Notice what another labctl does. Hosts that are just booting are not graded as wrong."""
        seat = self._seats[number]
        if (verb := verb_elsewhere(seat.home)) == seat.elsewhere:
            return
        with self._changed:
            seat.elsewhere, seat.is_outdated = verb, True
            self._set(number, busy=seat.busy)
        if not verb:
            self.look_again(number)

    def _look_at(self, number: int) -> None:
        seat = self._seats[number]
        if time.monotonic() < seat.rests:
            return
        # Not the time on the clock, which grows with what else this machine does.
        began = time.thread_time()
        try:
            if seat.provider is None:
                seat.provider = open_seat(self._roll, self._roll.seat(number)).provider
            revision = seat.provider.revision()
        except (LabError, OSError):
            # The process that grades the seat says what is wrong with it.
            seat.provider = None
            return
        finally:
            seat.rests = time.monotonic() + _REST * (time.thread_time() - began)
        before, seat.revision = seat.revision, revision
        # At first it is graded anyway.
        if before is not None and revision != before:
            seat.changed = time.monotonic()
            self.look_again(number)

    def _grade_on(self) -> None:
        while (number := self._next()) is not None:
            self._take(number, self._grade(number))

    def _grade(self, number: int) -> Graded:
        place = number % self._count
        for _attempt in range(2):
            try:
                worker = self._worker(place)
            except OSError:
                # This machine has no room for a process now.
                break
            try:
                found = worker.grade(number, self._take_early, lambda: self._ends)
            except WorkerEnded:
                # It may have ended because of another seat.
                self._end(place, worker)
                continue
            if found is not None:
                return found
            self._end(place, worker)
            break
        return Graded(seat=number, problem=in_every_language(_("the seat does not answer")))

    def _worker(self, place: int) -> Worker:
        """The process for a seat. It is always the same one, which has the connections."""
        with self._making:
            if place not in self._workers:
                self._workers[place] = self._new_worker(self._roll.name)
            return self._workers[place]

    def _end(self, place: int, worker: Worker) -> None:
        with self._making:
            if self._workers.get(place) is worker:
                del self._workers[place]
                worker.end()

    def _next(self) -> int | None:
        """Wait for a seat that should be graded now; None at the end."""
        with self._changed:
            while not self._ends:
                if (number := self._most_wanted()) is not None:
                    seat = self._seats[number]
                    seat.in_turn = seat.asked is None and bool(seat.row.looked)
                    seat.is_grading, seat.asked, seat.begun = True, None, time.monotonic()
                    seat.is_outdated = False
                    return number
                self._changed.wait(timeout=0.5)
        return None

    def _most_wanted(self) -> int | None:
        now = time.monotonic()
        best: tuple[float, int] | None = None
        # A change is graded beside few seats that only have their turn.
        turns = sum(seat.is_grading and seat.in_turn for seat in self._seats.values())
        for number, seat in self._seats.items():
            if seat.is_grading or seat.busy:
                continue
            if seat.asked is not None:
                # Those that changed come first; whoever changes all the time waits for the rest.
                rank = max(seat.asked, seat.begun) - 1e9
            elif not seat.row.looked or self._has_turn(seat, turns, now):
                rank = seat.begun
            else:
                continue
            if best is None or (rank, number) < best:
                best = (rank, number)
        return best[1] if best is not None else None

    def _has_turn(self, seat: _Seat, turns: int, now: float) -> bool:
        """Whether the seat is graded now, though nothing was noticed, beside `turns` others."""
        most = self._count if seat.is_at_work(now) else 1
        return turns < most and now - seat.begun >= seat.turn(now)

    def _take_early(self, found: Graded) -> None:
        """Show a section that changed, while the rest is still graded. The history waits."""
        with self._changed:
            seat = self._seats[found.seat]
            if seat.busy or seat.is_outdated or self._ends or seat.row.problem:
                return
            seen = {cell.step for cell in found.cells}
            kept = tuple(cell for cell in seat.row.cells if cell.step not in seen)
            cells = within_limit((*kept, *found.cells))
            whole = found.model_copy(update={"cells": cells})
            row = self._dated(seat, whole, time.time())
            self._set(found.seat, **{name: getattr(row, name) for name in _GRADED})

    def _take(self, number: int, found: Graded) -> None:
        """Bring what was found into the row and the history."""
        now = time.time()
        with self._changed:
            seat = self._seats[number]
            seat.is_grading = False
            if seat.busy or seat.is_outdated or self._ends:
                return
            row = self._dated(seat, found, now)
            changes = [
                Change(cell.since, number, cell.step, cell.state)
                for cell in row.cells
                if cell.state is not CellState.UNKNOWN and cell.since == now
            ]
            seat.last.update({each.step: (each.state, each.at) for each in changes})
            self._set(number, **{name: getattr(row, name) for name in _GRADED})
            if changes:
                self._notice_lesson(now)
        # A full disk must not end the board; what is known stays in memory.
        with suppress(LabError):
            self._history.add(changes)

    def _dated(self, seat: _Seat, found: Graded, now: float) -> Row:
        row = dated(seat.row, found, seat.last, now, self._lesson)
        return seat.stay.kept(seat.row, row, now, self._lesson)

    def _notice_lesson(self, now: float) -> None:
        """A change after a break begins a lesson. Nobody was stuck during the break."""
        if now - self._last_change > BREAK_SECONDS:
            self._lesson = now
            for number, seat in self._seats.items():
                if seat.row.at:
                    self._set(number, at_since=max(seat.row.at_since, now))
        self._last_change = now
