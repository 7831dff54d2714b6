"""A check of one host in memory."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.grading import grade_hosts
from labctl.progress import Progress, silent
from labctl.results import StepReport
from provision.step import Step, Target


def grade(
    target: Target, steps: Sequence[Step], progress: Progress = silent, *, sends: bool = True
) -> tuple[StepReport, ...]:
    """The reports of the steps. Mail to the other host is not tried."""
    return grade_hosts({target.host.name: target}, steps, progress, sends=sends).reports
