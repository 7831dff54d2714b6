"""Reports of a check with one finding more or fewer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from labctl.results import Finding, Outcome, StepReport


def added(report: StepReport, finding: Finding) -> StepReport:
    """The report with a finding, unless it has one of that code that is not right."""
    if any(each.code == finding.code and not each.ok for each in report.findings):
        return report
    others = tuple(each for each in report.findings if each.code != finding.code)
    return replace(report, findings=(*others, finding), blocked_by="")


def without(
    report: StepReport, taken: set[tuple[str, str]], by: Mapping[tuple[str, str], str]
) -> StepReport:
    """The report without the findings that are taken, as host and code.

    If nothing wrong is left, it is blocked by the section that `by` has for its host and step.
    """
    findings = tuple(each for each in report.findings if (report.host, each.code) not in taken)
    if len(findings) == len(report.findings):
        return report
    left = replace(report, findings=findings)
    if left.outcome is Outcome.FAILED:
        return left
    return replace(left, blocked_by=by[report.host, report.step])
