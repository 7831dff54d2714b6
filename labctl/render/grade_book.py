"""The grades of a class as a file for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from labctl.classroom.grades import outcome_of, steps_in
from labctl.classroom.work import SeatResult
from labctl.grading import Grades
from labctl.home import write_for_person
from labctl.i18n import _
from labctl.results import Outcome

# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_grade_book(path: Path, results: Sequence[SeatResult[Grades]]) -> None:
    """A CSV file for spreadsheets: one row for each seat, one column for each section.

    A cell is `ok`, `failed`, `blocked`, or empty if the section was not checked. It is in UTF-8
    with a byte order mark, without which Excel shows no Japanese.

    Raises:
        WrongUsage: The file cannot be written.
    """
    steps = list(steps_in(results))
    sink = io.StringIO(newline="")
    rows = csv.writer(sink)
    rows.writerow([_("seat"), _("student"), *steps, _("right"), _("of"), _("error")])
    for result in results:
        cells = [_cell(result.value, step) for step in steps]
        error = "" if result.error is None else str(result.error)
        row = [result.seat.label, result.seat.student, *cells]
        right = cells.count(Outcome.OK.value)
        rows.writerow([_plain(each) for each in (*row, str(right), str(len(steps)), error)])
    write_for_person(path, "\ufeff" + sink.getvalue().replace("\r\n", "\n"))


def _cell(grades: Grades | None, step: str) -> str:
    outcome = outcome_of(grades, step) if grades is not None else None
    return outcome.value if outcome is not None else ""


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
