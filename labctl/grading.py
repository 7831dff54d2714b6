"""Grades a lab that a person set up: every section on every host, hosts in parallel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from labctl.errors import WrongUsage
from labctl.i18n import _
from labctl.junit import Case
from labctl.progress import Progress, silent
from labctl.results import Finding, Outcome, StepReport
from provision.grade import grade
from provision.step import Step, Target
from provision.steps import BOOK, STEPS, find_step, in_book_order


@dataclass(frozen=True)
class Grades:
    """The reports, in the book's order and for each section host by host."""

    reports: tuple[StepReport, ...]

    @property
    def ok(self) -> bool:
        return all(report.outcome is Outcome.OK for report in self.reports)


def chosen_steps(names: Sequence[str]) -> tuple[Step, ...]:
    """The steps of these names, in order; by default the book's. WrongUsage for no step."""
    if not names:
        return BOOK
    wanted = {find_step(name).name for name in names}
    return tuple(step for step in STEPS if step.name in wanted)


def grade_hosts(
    targets: Mapping[str, Target],
    steps: Sequence[Step] = BOOK,
    progress: Progress = silent,
    *,
    sends: bool = True,
) -> Grades:
    """Checks the steps on all hosts at once; `sends` as in provision.grade.

    Only reads; tells `progress` each section as it begins. Raises LabError where a host is gone.
    """
    if not targets:
        raise WrongUsage(_("no host to check"))
    if not any(step.applies_to(target.scene) for step in steps for target in targets.values()):
        raise WrongUsage(
            _(
                "{hosts}: nothing of {steps} in this lab",
                hosts=", ".join(targets),
                steps=", ".join(step.name for step in steps),
            ),
            hint=_("labctl check --list names the sections; `extras` in labctl.toml adds some"),
        )
    with ThreadPoolExecutor(len(targets)) as pool:
        begun = [
            pool.submit(grade, target, steps, progress, sends=sends) for target in targets.values()
        ]
        each = [graded.result() for graded in begun]
    return Grades(in_book_order(report for reports in each for report in reports))


def junit_cases(grades: Grades) -> list[Case]:
    """One test case for each section on each host."""
    return [
        Case(
            group=report.host,
            name=f"{report.step} {report.section}",
            seconds=report.seconds,
            failure=_failure(report),
            details="\n".join(_sentence(finding) for finding in wrong(report)),
        )
        for report in grades.reports
    ]


def wrong(report: StepReport) -> list[Finding]:
    """The findings that are not as they should be."""
    return [finding for finding in report.findings if not finding.ok]


def _failure(report: StepReport) -> str:
    if report.outcome is Outcome.BLOCKED:
        return _("blocked by {step}", step=report.blocked_by)
    return "; ".join(finding.what for finding in wrong(report))


def _sentence(finding: Finding) -> str:
    parts = _("found {found}, expected {expected}", found=finding.found, expected=finding.expected)
    return f"{finding.code}: {finding.what}: {parts}. {finding.hint}"
