"""Repeats a check. What changes is shown before the rest has been graded again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from labctl.grading import Grades, wrong
from labctl.results import Finding, Outcome, StepReport


class Repeating:
    """The `grades` as they are known, while the lab is graded again and again.

    A report is compared with the report of the same section before, and not with the result,
    which may leave out what follows from something else. So nothing flickers while nothing changes.
    """

    def __init__(self, grades: Grades, show: Callable[[Grades], None]) -> None:
        """`show` is called with the grades whenever they are not as before."""
        self.grades, self._show = grades, show
        self._before: dict[tuple[str, str], tuple[Outcome, str, list[Finding]]] = {}
        self._changing = Lock()
        show(grades)

    def told(self, report: StepReport) -> None:
        """Take the report of one section on one host, from any thread, during a grading."""
        key = (report.step, report.host)
        found = (report.outcome, report.blocked_by, wrong(report))
        with self._changing:
            before = self._before.get(key)
            self._before[key] = found
            if before is None or before == found:
                return
            reports = tuple(
                report if (each.step, each.host) == key else each for each in self.grades.reports
            )
            self.grades = replace(self.grades, reports=reports)
            self._show(self.grades)

    def ended(self, grades: Grades) -> None:
        """Take the result of the whole grading."""
        with self._changing:
            self.grades = grades
            self._show(grades)
