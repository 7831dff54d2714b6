"""Runs the steps' checks on one host, so that one wrong thing gives one failure.

A step whose precondition failed is not checked but `blocked`, and names that precondition.
Checks mostly wait (a refused password takes two seconds), so those that may run together do.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from labctl.mailtest.letters import new_run_id
from labctl.progress import Progress, silent
from labctl.results import Outcome, StepReport
from provision.mailbox import boxes_kept
from provision.step import Step, Target
from provision.steps import BOOK, STEPS


def grade(
    target: Target,
    chosen: Sequence[Step] = BOOK,
    progress: Progress = silent,
    *,
    sends: bool = True,
) -> tuple[StepReport, ...]:
    """Checks the chosen steps and what they require; reports on the chosen, in their order.

    Only reads, and puts the account's mailbox back as it was; no message is sent to it unless
    `sends`. Raises WrongState where the host does not answer, or the mailbox stays locked.
    """
    wanted = [step for step in chosen if step.applies_to(target.scene)]
    if not any(step.opens_mailbox for step in wanted):
        return _graded(target, wanted, progress)
    mark = new_run_id()
    with boxes_kept([target], mark):
        return _graded(replace(target, letter=mark if sends else ""), wanted, progress)


def _graded(target: Target, wanted: Sequence[Step], progress: Progress) -> tuple[StepReport, ...]:
    begun: dict[str, Future[StepReport]] = {}
    # A thread for every step: one that waits for its preconditions never holds up another.
    with ThreadPoolExecutor(len(STEPS)) as pool:
        for step in wanted:
            _begin(pool, target, step, begun, progress)
        return tuple(begun[step.name].result() for step in wanted)


def _begin(
    pool: ThreadPoolExecutor,
    target: Target,
    step: Step,
    begun: dict[str, Future[StepReport]],
    progress: Progress,
) -> Future[StepReport]:
    if step.name not in begun:
        # A precondition may stand later in the book: AUTH needs the account made after it.
        needed = [
            _begin(pool, target, other, begun, progress)
            for other in STEPS
            if other.name in step.requires
        ]
        begun[step.name] = pool.submit(_grade_one, target, step, needed, progress)
    return begun[step.name]


def _grade_one(
    target: Target, step: Step, needed: Sequence[Future[StepReport]], progress: Progress
) -> StepReport:
    for before in (future.result() for future in needed):
        if before.outcome is not Outcome.OK:
            cause = before.blocked_by or before.step
            return StepReport(step.name, step.section, target.host.name, 0, blocked_by=cause)
    progress(target.host.name, step.section)
    begun = time.monotonic()
    findings = tuple(step.check(target))
    seconds = time.monotonic() - begun
    return StepReport(step.name, step.section, target.host.name, seconds, findings=findings)
