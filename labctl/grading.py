"""Grades a lab that a person set up: every section on every host, hosts in parallel.

One wrong thing gives one failure. What a step finds does not count if a precondition failed: the
step is `blocked` and names that precondition. Checks mostly wait (a refused password takes two
seconds), so all of them run together, under one deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from threading import Lock

from labctl.errors import CommandFailed, WrongUsage
from labctl.hint import commands
from labctl.i18n import _
from labctl.lab import Lab
from labctl.mailtest.letters import new_run_id
from labctl.parallel import on_each
from labctl.progress import Progress, silent
from labctl.results import Finding, Outcome, StepReport
from provision.head_start import asked_first
from provision.mailbox import NoRoom, boxes_kept
from provision.observing import observing
from provision.patience import Deadline, standstill
from provision.settle import Chain, settle
from provision.step import Step, Target
from provision.steps import book_steps, find_step, in_book_order, steps_of
from provision.turns import Turns
from provision.unknown import unknown_cause

# Seconds for all questions to all hosts. Only what explains a failure may come later.
_DEADLINE = 5.0
# The status of a script that timeout(1) ended.
_TIMED_OUT = 124

# Called with the report of each section on each host once it is checked, from several threads.
Listener = Callable[[StepReport], None]


@dataclass(frozen=True)
class Grades:
    """The reports, in the book's order and for each section host by host.

    `chains` say how each behaviour that fails was followed to its cause.
    """

    reports: tuple[StepReport, ...]
    chains: tuple[Chain, ...] = ()

    @property
    def ok(self) -> bool:
        return all(report.outcome is Outcome.OK for report in self.reports)


def chosen_steps(names: Sequence[str], lab: Lab) -> tuple[Step, ...]:
    """The steps of these names, in the book's order; by default the steps of the book.

    Raises:
        WrongUsage: there is no step of that name.
    """
    if not names:
        return book_steps(lab)
    wanted = {find_step(name, lab).name for name in names}
    return tuple(step for step in steps_of(lab) if step.name in wanted)


def grade_hosts(
    targets: Mapping[str, Target],
    chosen: Sequence[Step] | None = None,
    progress: Progress = silent,
    *,
    sends: bool = True,
    told: Listener | None = None,
) -> Grades:
    """Check the steps on all hosts at once. Nothing is changed; messages are removed again.

    Args:
        chosen: the steps; by default those of the book.
        progress: is called when a section begins.
        sends: whether messages are sent: to oneself, to the other host, and to an alias.
        told: is called with each report before all of them are brought together. The result may
            still differ: a finding that follows from another one is removed.

    Raises:
        WrongUsage: there is no host, or none of the steps is in this lab.
        LabError: a host does not answer.
    """
    if not targets:
        raise WrongUsage(_("no host to check"))
    lab = next(iter(targets.values())).lab
    steps = book_steps(lab) if chosen is None else chosen
    if not any(step.applies_to(target.scene) for step in steps for target in targets.values()):
        raise WrongUsage(
            _(
                "this lab has no {steps} on {hosts}",
                hosts=", ".join(targets),
                steps=", ".join(step.name for step in steps),
            ),
            hint=commands(
                "labctl check --list",
                text=_("this lists the sections; `extras` in labctl.toml adds some"),
            ),
        )
    reports, chains = _grade_all(list(targets.values()), steps, progress, sends=sends, told=told)
    return Grades(in_book_order(reports, lab), tuple(chains))


def _grade_all(
    targets: Sequence[Target],
    steps: Sequence[Step],
    progress: Progress,
    *,
    sends: bool,
    told: Listener | None,
) -> tuple[list[StepReport], list[Chain]]:
    """Sections and behaviours of all hosts at once, brought together.

    If something fails while the machine stands still for some seconds, an answer or a message may
    only have been late, so everything is looked at once more. Who follows a lab with `told` looks
    again anyway.
    """
    with standstill() as still:
        reports, chains = _look(targets, steps, progress, sends=sends, told=told)
    is_wrong = any(report.outcome is not Outcome.OK for report in reports)
    if is_wrong and told is None and still.was_long():
        reports, chains = _look(targets, steps, progress, sends=sends, told=told)
    return reports, chains


def _look(
    targets: Sequence[Target],
    steps: Sequence[Step],
    progress: Progress,
    *,
    sends: bool,
    told: Listener | None,
) -> tuple[list[StepReport], list[Chain]]:
    with ExitStack() as kept:
        fresh = [replace(target, turns=Turns()) for target in targets]
        targets = kept.enter_context(asked_first(fresh, steps, Deadline(_DEADLINE)))
        mailed = [target for target in targets if _opens_mailbox(target, steps)]
        mark = new_run_id() if mailed else ""
        try:
            locked = kept.enter_context(boxes_kept(mailed, mark)) if mailed else frozenset()
        except NoRoom:
            # The section about `mail` has the full disk as its finding.
            mailed, mark, sends, locked = [], "", False, frozenset()
        ends = Deadline(_DEADLINE)
        targets = [
            replace(
                target,
                letter=mark if sends else "",
                ends=ends,
                is_locked=target.host.name in locked,
            )
            for target in targets
        ]
        tried = [target for target in targets if _is_tried(target, steps)]
        with observing(tried, mark, sends=sends and bool(mailed)) as observation:
            each = on_each(
                targets, lambda target: _one(target, steps, progress, told, observation.note_wrong)
            )
            evidence = observation.evidence()
    reports = [report for reports in each for report in reports]
    return settle(reports, evidence, steps_of(targets[0].lab))


def _one(
    target: Target,
    steps: Sequence[Step],
    progress: Progress,
    told: Listener | None,
    note_wrong: Callable[[], None],
) -> tuple[StepReport, ...]:
    """Check the steps at once, also those that the preconditions of others will block."""
    wanted = [step for step in steps if step.applies_to(target.scene)]
    asked = _with_needed(target, wanted)
    found = _Found(wanted, asked, told)
    on_each(asked, lambda step: found.add(_grade_one(target, step, progress, note_wrong)))
    return tuple(found.settled(step) for step in wanted)


class _Found:
    """The reports of one host, as they come from several threads."""

    def __init__(
        self, wanted: Sequence[Step], asked: Sequence[Step], told: Listener | None
    ) -> None:
        self._asked = {step.name: step for step in asked}
        self._reports: dict[str, StepReport] = {}
        self._untold, self._told = list(wanted), told
        self._lock = Lock()

    def add(self, report: StepReport) -> None:
        """Tell each report as soon as it and those of its preconditions are there."""
        with self._lock:
            self._reports[report.step] = report
            for step in [step for step in self._untold if self._is_complete(step)]:
                self._untold.remove(step)
                if self._told is not None:
                    self._told(self.settled(step))

    def settled(self, step: Step) -> StepReport:
        """The report of a step, or that a precondition blocks it."""
        report = self._reports[step.name]
        for other in self._needed(step):
            before = self.settled(other)
            if before.outcome is not Outcome.OK:
                cause = before.blocked_by or before.step
                return replace(report, seconds=0, findings=(), blocked_by=cause)
        return report

    def _is_complete(self, step: Step) -> bool:
        return step.name in self._reports and all(map(self._is_complete, self._needed(step)))

    def _needed(self, step: Step) -> list[Step]:
        """The preconditions of a step that are checked too, in the order of the check."""
        return [other for other in self._asked.values() if other.name in step.requires]


def _opens_mailbox(target: Target, steps: Sequence[Step]) -> bool:
    return any(step.opens_mailbox and step.applies_to(target.scene) for step in steps)


def _is_tried(target: Target, steps: Sequence[Step]) -> bool:
    return any(step.tried and step.applies_to(target.scene) for step in steps)


def _with_needed(target: Target, wanted: Sequence[Step]) -> list[Step]:
    """The steps, and those that they require. AUTH needs the account of a later section."""
    found = {step.name: step for step in wanted}
    todo = list(wanted)
    while todo:
        names = todo.pop().requires
        more = [
            step for step in steps_of(target.lab) if step.name in names and step.name not in found
        ]
        found.update({step.name: step for step in more})
        todo += more
    return list(found.values())


def _grade_one(
    target: Target, step: Step, progress: Progress, note_wrong: Callable[[], None]
) -> StepReport:
    progress(target.host.name, step.section)
    begun = time.monotonic()
    try:
        findings = tuple(step.check(target))
    except CommandFailed as error:
        findings = (_unanswered(step, error),)
    if not all(finding.ok for finding in findings):
        note_wrong()
    seconds = time.monotonic() - begun
    return StepReport(step.name, step.section, target.host.name, seconds, findings=findings)


def _unanswered(step: Step, error: CommandFailed) -> Finding:
    """A question to the host that has no answer, although the host itself answers."""
    is_late = error.returncode == _TIMED_OUT
    said = [line for line in error.output.splitlines() if line.strip()]
    return unknown_cause(
        step.name,
        _("the answers of the host"),
        [_("no answer in time") if is_late or not said else said[-1]],
        _("an answer"),
        "journalctl -e; df -h; systemctl --failed",
    )


def wrong(report: StepReport) -> list[Finding]:
    """The findings that are not right."""
    return [finding for finding in report.findings if not finding.ok]
