"""The grades of a whole class: each seat is graded as `labctl check` does."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.classroom.actions import opened
from labctl.classroom.roll import Roll, Seat
from labctl.classroom.work import SeatResult
from labctl.grading import Grades, chosen_steps, grade_hosts
from labctl.progress import Progress
from labctl.results import Outcome

_WORST = (Outcome.FAILED, Outcome.BLOCKED, Outcome.OK)


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
