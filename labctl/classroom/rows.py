"""One row of the board: what is known of a seat, section by section, in both languages.

The rows are data that the root helper sends and the web process shows, so they are models that
check what they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

# Seconds at an earlier section that do not count: a service was restarted, or a change tried.
_MOMENT = 120.0
# A text by language.
Said = Mapping[str, str]


class CellState(StrEnum):
    """What is known of one section at one seat, of all its hosts together."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_YET = "not-yet"
    UNKNOWN = "unknown"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Section(_Frozen):
    """A column of the board: a section of the book, and the step that checks it."""

    step: str
    title: Said


class Detail(_Frozen):
    """One thing that is wrong with a section, as `labctl check` shows it."""

    host: str
    what: Said
    found: Said = {}
    expected: Said = {}
    hint: Said = {}


class Cell(_Frozen):
    """A section at a seat. `since` is when it came into this state, in seconds of the epoch.

    `waits_for` is the step that comes first, if the section is not checked yet.
    """

    step: str
    state: CellState = CellState.UNKNOWN
    since: float = 0.0
    details: tuple[Detail, ...] = ()
    waits_for: str = ""


class Row(_Frozen):
    """A seat. Times are seconds of the epoch; 0 means never.

    `at` is the first section that is not right, and `at_since` is when the seat came to it, or when
    the lesson began.
    `busy` is the verb that is being carried out. `problem` says why the seat cannot be graded.
    `disk` says that the lab's files are larger than the lab file allows.
    `drill` is what a user reports while a drill is active.
    `note` and `student` are for the instructor only.
    """

    seat: int
    label: str
    cells: tuple[Cell, ...]
    looked: float = 0.0
    at: str = ""
    at_since: float = 0.0
    busy: str = ""
    problem: Said = {}
    disk: Said = {}
    drill: Said = {}
    student: str = ""
    note: str = ""

    @property
    def right(self) -> int:
        """The number of sections that are right."""
        return sum(cell.state is CellState.RIGHT for cell in self.cells)

    @property
    def is_done(self) -> bool:
        return self.right == len(self.cells)

    def without_person(self) -> Row:
        """The row without anything that tells who sits there."""
        return self.model_copy(update={"student": "", "note": ""})

    def for_student(self) -> Row:
        """What the student may see: no note, and no details that would solve a drill."""
        cells = self._without_details() if self.drill else self.cells
        return self.model_copy(update={"note": "", "cells": cells})

    def for_projector(self) -> Row:
        """What everybody in the room may see: no person, no details."""
        hidden = {"cells": self._without_details(), "disk": {}, "drill": {}}
        return self.without_person().model_copy(update=hidden)

    def _without_details(self) -> tuple[Cell, ...]:
        return tuple(cell.model_copy(update={"details": ()}) for cell in self.cells)


class Graded(_Frozen):
    """The result of grading a seat once; `problem` is set if that failed.

    `disk` and `drill` are as in a row. An `early` one has the cells that changed, before the
    grading has ended.
    """

    seat: int
    cells: tuple[Cell, ...] = ()
    problem: Said = {}
    disk: Said = {}
    drill: Said = {}
    early: bool = False


def dated(
    row: Row,
    found: Graded,
    last: Mapping[str, tuple[CellState, float]],
    now: float,
    lesson: float = 0.0,
) -> Row:
    """The row after a grading. Times are seconds of the epoch.

    Args:
        last: The last known state of each section, and since when it had it.
        lesson: When the lesson began. Nobody came to a section before.
    """
    if found.problem:
        cells = tuple(Cell(step=cell.step) for cell in row.cells)
        values = {"cells": cells, "problem": found.problem, "disk": found.disk, "looked": now}
        return row.model_copy(update={**values, "drill": found.drill})
    seen = {cell.step: cell for cell in found.cells}
    cells = tuple(_dated(seen.get(cell.step, cell), last, now) for cell in row.cells)
    at, since = place_of(cells)
    at_since = max(since, lesson) if at else 0.0
    values = {"cells": cells, "at": at, "at_since": at_since, "drill": found.drill}
    return row.model_copy(
        update=values
        if found.early
        else {**values, "problem": {}, "disk": found.disk, "looked": now}
    )


class Stay:
    """Since when a seat is at its section. A moment at an earlier one does not begin it anew.

    A student who is stuck restarts services, and a grading in the middle of a restart finds an
    earlier section wrong.
    """

    def __init__(self) -> None:
        # The sections from which the seat fell back: since when it was there, and when it left.
        self._left: dict[str, tuple[float, float]] = {}

    def kept(self, before: Row, after: Row, now: float, lesson: float) -> Row:
        """The row after a grading with the right `at_since`. Times are seconds of the epoch."""
        if not after.at or not before.at:
            return after
        steps = [cell.step for cell in after.cells]
        since = after.at_since
        if before.at == after.at:
            since = before.at_since
        elif steps.index(after.at) < steps.index(before.at):
            self._left[before.at] = (before.at_since, now)
        elif after.at in self._left:
            came, left = self._left.pop(after.at)
            since = came if now - left < _MOMENT else since
        return after.model_copy(update={"at_since": max(since, lesson)})


def _dated(cell: Cell, last: Mapping[str, tuple[CellState, float]], now: float) -> Cell:
    state, since = last.get(cell.step, (CellState.UNKNOWN, 0.0))
    return cell.model_copy(update={"since": since if state is cell.state else now})


def place_of(cells: Iterable[Cell]) -> tuple[str, float]:
    """The first section that is not right, and since when that is so and all before it are right.

    ("", 0) if all are right.
    """
    since = 0.0
    for cell in cells:
        if cell.state is not CellState.RIGHT:
            return cell.step, max(since, cell.since)
        since = max(since, cell.since)
    return "", 0.0
