"""Where `labctl check` and the oracle disagree about one case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.fuzz.changes import Change
from tests.fuzz.oracle import Fault

# How a finding's code ends that names no cause.
UNKNOWN = ".unknown"


@dataclass(frozen=True)
class Finding:
    """A finding of `labctl check --json`; `section` is the step that reports it."""

    host: str
    section: str
    code: str
    found: str


def findings_of(grades: Any) -> list[Finding]:
    """The wrong findings in the document of `labctl check --json`."""
    return [
        Finding(report["host"], report["step"], finding["code"], finding["found"])
        for report in grades["reports"]
        for finding in report["findings"]
        if not finding["ok"]
    ]


@dataclass(frozen=True)
class Verdict:
    """What went wrong with the grading of a case; all False is agreement.

    `false_right`: broken, and graded right. `false_wrong`: right, and graded wrong. `many`: more
    findings than changes. `elsewhere`: a finding in a section that no change belongs to.
    `unknown`: a finding without a cause. `error`: the check itself failed.
    """

    false_right: bool = False
    false_wrong: bool = False
    many: bool = False
    elsewhere: bool = False
    unknown: bool = False
    error: bool = False

    @property
    def disagrees(self) -> bool:
        """Whether this case is a bug. An honest "cause unknown" is counted, but is none."""
        return self.false_right or self.false_wrong or self.many or self.elsewhere or self.error

    @property
    def words(self) -> list[str]:
        return [name for name, value in vars(self).items() if value]


def compare(
    changes: Sequence[Change], faults: Sequence[Fault], findings: Sequence[Finding] | None
) -> Verdict:
    """Hold the findings (None if the check failed) against what the oracle found."""
    if findings is None:
        return Verdict(error=True)
    sections = {section for change in changes for section in change.sections}
    # The book asks for a silent `postfix check`, which warns of more than what stops mail.
    is_asked = any(each.asked for each in changes) or any(
        each.code == "postfix.check" for each in findings
    )
    return Verdict(
        false_right=bool(faults) and not findings,
        false_wrong=bool(findings) and not faults and not is_asked,
        many=len(findings) > len(changes),
        elsewhere=bool(faults) and any(each.section not in sections for each in findings),
        unknown=any(each.code.endswith(UNKNOWN) for each in findings),
    )
