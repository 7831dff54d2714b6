"""The grades of a whole class: graded at many seats at once, and as a grade book."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from labctl.classroom.actions import opened
from labctl.classroom.roll import Roll, Seat
from labctl.classroom.work import SeatResult
from labctl.grading import Grades, chosen_steps, grade_hosts, junit_cases
from labctl.home import write_for_person
from labctl.i18n import _
from labctl.junit import Case, write_junit
from labctl.progress import Progress
from labctl.results import Outcome

_WORST = (Outcome.FAILED, Outcome.BLOCKED, Outcome.OK)
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_seat(
    roll: Roll, seat: Seat, steps: Sequence[str], progress: Progress, *, sends: bool
) -> Grades:
    """Grade one seat as `labctl check` does; raises LabError if it cannot be graded."""
    session = opened(roll, seat)
    session.ensure_up()
    with session.targets() as targets:
        return grade_hosts(targets, chosen_steps(steps, session.lab), progress, sends=sends)


def outcome_of(grades: Grades, step: str) -> Outcome | None:
    """The worst outcome of a section on all hosts; None if it was not checked."""
    found = {report.outcome for report in grades.reports if report.step == step}
    return next((each for each in _WORST if each in found), None)


def steps_in(results: Sequence[SeatResult[Grades]]) -> dict[str, str]:
    """The checked steps with the titles of their sections, in the book's order."""
    return {
        report.step: report.section
        for result in results
        if result.value is not None
        for report in result.value.reports
    }


def write_class_junit(path: Path, results: Sequence[SeatResult[Grades]]) -> None:
    """One test case for each section on each host of each seat, and one for a seat that failed.

    Raises:
        WrongUsage: The file cannot be written.
    """
    cases: list[Case] = []
    for result in results:
        lab = result.seat.lab_name
        if result.value is None:
            cases.append(Case(lab, "labctl class check", result.seconds, str(result.error)))
        else:
            cases += [
                replace(case, group=f"{lab}.{case.group}") for case in junit_cases(result.value)
            ]
    write_junit(path, "labctl class check", cases)


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
