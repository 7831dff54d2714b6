"""Results as a JUnit file, which CI systems and course platforms read.

There is no standard. The format is Jenkins's `testsuites`, with the elements and attributes that
every reader knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from labctl.grading import Grades, wrong
from labctl.home import write_for_person
from labctl.i18n import _
from labctl.results import Finding, MailTestResult, Outcome, StepReport, StressResult

if TYPE_CHECKING:
    from labctl.classroom.work import SeatResult

# Characters that XML 1.0 does not allow, not even escaped.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One test case. It passed if `failure` is "". `seconds` is its duration."""

    group: str
    name: str
    seconds: float
    failure: str = ""
    details: str = ""


def junit_text(suite: str, cases: Sequence[Case]) -> str:
    """The XML text of one suite."""
    failures = sum(bool(case.failure) for case in cases)
    totals = {
        "tests": str(len(cases)),
        "failures": str(failures),
        "errors": "0",
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }
    root = ElementTree.Element("testsuites", totals)
    element = ElementTree.SubElement(root, "testsuite", {"name": suite, **totals})
    for case in cases:
        named = {"classname": _clean(case.group), "name": _clean(case.name)}
        one = ElementTree.SubElement(element, "testcase", {**named, "time": f"{case.seconds:.3f}"})
        if case.failure:
            failure = ElementTree.SubElement(one, "failure", {"message": _clean(case.failure)})
            failure.text = _clean(case.details)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def write_junit(path: Path, suite: str, cases: Sequence[Case]) -> None:
    """Write the file completely or not at all.

    Raises:
        WrongUsage: it cannot be written.
    """
    write_for_person(path, junit_text(suite, cases))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def check_cases(grades: Grades) -> list[Case]:
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


def class_cases(results: Sequence[SeatResult[Grades]]) -> list[Case]:
    """One test case for each section on each host of each seat, and one for a seat that failed."""
    cases: list[Case] = []
    for result in results:
        lab = result.seat.lab_name
        if result.value is None:
            cases.append(Case(lab, "labctl class check", result.seconds, str(result.error)))
        else:
            cases += [
                replace(case, group=f"{lab}.{case.group}") for case in check_cases(result.value)
            ]
    return cases


def mail_cases(runs: Sequence[MailTestResult]) -> list[Case]:
    """The runs' deliveries and trials as test cases, each run as a group."""
    # `labctl check` needs none of it, and it takes a while to load.
    from labctl.report.wording import explanation_of

    found = []
    for number, run in enumerate(runs, 1):
        group = "test-mail" if len(runs) == 1 else f"test-mail.{number}"
        for trial in run.trials:
            failure = "" if trial.ok else f"{trial.what}: {trial.expected}"
            name = f"{trial.code} {trial.host}"
            found.append(Case(f"{group}.trial", name, trial.seconds, failure, trial.found))
        for each in run.deliveries:
            why = explanation_of(each) or (each.subject,)
            failure = "" if each.ok else why[0]
            name = f"{each.kind} {each.sender} to {each.recipient}"
            case = Case(f"{group}.delivery", name, each.seconds, failure, "\n".join(why))
            found.append(case)
    return found


def stress_cases(result: StressResult) -> list[Case]:
    """A stress test's phases as test cases."""
    found = []
    for phase in result.phases:
        wrong = [one for one in result.astray if one.phase == phase.name and one.fate != "repeated"]
        failure = ", ".join(f"{one.fate}: {one.token}" for one in wrong)
        if not phase.accepted:
            failure = failure or _("no message was accepted: {phases}", phases=phase.name)
        details = "\n".join(line for one in wrong for line in one.story)
        found.append(Case("test-mail.stress", phase.name, phase.seconds, failure, details))
    return found


def _failure(report: StepReport) -> str:
    if report.outcome is Outcome.BLOCKED:
        return _("blocked by {step}", step=report.blocked_by)
    return "; ".join(finding.what for finding in wrong(report))


def _sentence(finding: Finding) -> str:
    parts = _("found {found}, expected {expected}", found=finding.found, expected=finding.expected)
    return f"{finding.code}: {finding.what}: {parts}. {finding.hint}"
