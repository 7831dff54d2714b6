"""Brings a lab up: hosts from a provider, then the steps in the book's order.

The steps run in segments. A segment ends where a checkpoint may be saved, because a checkpoint
is of the whole lab; within a segment the hosts work in parallel. Every part is idempotent, so
the next `up` continues a run that was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from labctl.baselines import Baselines
from labctl.credentials import make_credentials
from labctl.errors import LabError, WrongState, WrongUsage
from labctl.hint import Hint, commands
from labctl.i18n import _
from labctl.lab import Lab, PackageSet
from labctl.parallel import on_each
from labctl.progress import Progress
from labctl.providers.base import ensure_usable
from labctl.results import StepReport
from labctl.session import Session
from labctl.state import LabState, write_state
from provision.step import Step, Target
from provision.steps import in_book_order, steps_of

OS = "os"


@dataclass(frozen=True)
class UpResult:
    """What `up` did. `seconds` is wall time, `saved` the checkpoints written.

    `reason` is why the lab has its provider, in English: it is translated when shown.
    """

    lab: str
    provider: str
    reason: str
    until: str
    made: bool
    started: bool
    reports: tuple[StepReport, ...]
    saved: tuple[str, ...]
    seconds: float
    is_whole: bool

    @property
    def changed(self) -> bool:
        return self.made or self.started or any(report.changes for report in self.reports)


@dataclass(frozen=True)
class Segment:
    """Consecutive steps after which a checkpoint may be saved. `is_last` ends the run."""

    steps: tuple[Step, ...]
    is_last: bool

    @property
    def packages(self) -> tuple[PackageSet, ...]:
        """The package sets that its steps install, in order."""
        return tuple(step.packages for step in self.steps if step.packages is not None)

    @property
    def checkpoint(self) -> str:
        """The name under which the state after it is kept."""
        return checkpoint_of(self.steps[-1])

    def is_due(self, saved: Collection[str], reports: Sequence[StepReport]) -> bool:
        """Whether the state after this segment is to be saved now.

        If no step changed anything, the lab may be far beyond the segment, and its state no
        longer exists. The checkpoint of a step that has one is saved all the same.
        """
        if self.checkpoint in saved:
            return False
        changed = any(report.changes for report in reports)
        return changed or self.is_last or self.steps[-1].checkpoint is not None


def step_names(lab: Lab) -> list[str]:
    """`os`, then every step of the lab's edition in order."""
    return [OS, *(step.name for step in steps_of(lab))]


def stop_names(lab: Lab) -> list[str]:
    """What `--until` takes: the steps in order, then the checkpoints with names of their own."""
    names = step_names(lab)
    saved = (checkpoint_of(step) for step in steps_of(lab))
    return [*names, *(name for name in saved if name not in names)]


def steps_until(until: str | None, lab: Lab) -> tuple[Step, ...]:
    """The steps up to and including `until`, a step or a checkpoint; all steps for None.

    Raises:
        WrongUsage: there is no step or checkpoint of that name.
    """
    steps = steps_of(lab)
    if until is None:
        return steps
    if until not in stop_names(lab):
        raise WrongUsage(
            _("there is no step {name}", name=repr(until)),
            hint=Hint(_("steps: {names}", names=", ".join(stop_names(lab)))),
        )
    for number, step in enumerate(steps, 1):
        if until in (step.name, step.checkpoint):
            return steps[:number]
    return ()


def checkpoint_of(step: Step) -> str:
    """The name under which the state after a step is kept."""
    return step.checkpoint or step.name


def plan(steps: Sequence[Step], *, every: bool = False) -> tuple[Segment, ...]:
    """Cut the steps after each one that has a checkpoint, or after each one if `every`."""
    cuts = [
        number
        for number, step in enumerate(steps, 1)
        if every or step.checkpoint is not None or number == len(steps)
    ]
    return tuple(
        Segment(tuple(steps[begin:end]), is_last=end == len(steps))
        for begin, end in zip([0, *cuts], cuts, strict=False)
    )


def bring_up(
    session: Session, progress: Progress, until: str | None = None, *, every: bool = False
) -> UpResult:
    """Make, start and configure the lab up to and including the step `until`.

    Args:
        every: Save a checkpoint after each step that changed anything, under the step's name.

    Raises:
        LabError: something failed. What was done stays, and the next call continues from there.
    """
    begun = time.monotonic()
    steps = steps_until(until, session.lab)
    ensure_usable(session.provider)
    remember(session, session.complete)
    make_credentials(session.home, session.lab)
    with _Run(session, progress) as run:
        run.create()
        for segment in plan(steps, every=every):
            run.do(segment)
        run.ensure_started()
    complete = checkpoint_of(steps[-1]) if steps else OS
    remember(session, complete)
    Baselines(session.home).set_current(complete)
    return UpResult(
        lab=session.lab.name,
        provider=session.provider.name,
        reason=session.choice.reason,
        until=steps[-1].name if steps else OS,
        made=run.made,
        started=run.started,
        reports=tuple(run.reports),
        saved=tuple(run.saved),
        seconds=time.monotonic() - begun,
        is_whole=all(step.extra for step in steps_of(session.lab)[len(steps) :]),
    )


class _Run:
    """One run of `up`: what it has done so far, and the connections it keeps open."""

    def __init__(self, session: Session, progress: Progress) -> None:
        self._session = session
        self._provider = session.provider
        self._progress = progress
        self._connections = ExitStack()
        self._targets: Mapping[str, Target] | None = None
        self._kept: set[str] = set()
        self._may_be_down = True
        self.made = False
        self.started = False
        self.reports: list[StepReport] = []
        self.saved: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._disconnect()

    def create(self) -> None:
        """Make the hosts if there are none."""
        self.made = self._provider.create(self._progress)
        self._kept = {info.name for info in self._provider.checkpoints()}

    def do(self, segment: Segment) -> None:
        """Apply the steps of a segment on all hosts, then save its checkpoint if it is due."""
        for packages in segment.packages:
            self._may_be_down |= self._provider.preinstall(packages, self._progress)
        self.ensure_started()
        reports = apply_steps(self._connected(), segment.steps, self._progress)
        self.reports += reports
        if segment.is_due(self._kept, reports):
            self._save(segment.checkpoint)

    def ensure_started(self) -> None:
        """Start the hosts, unless this run has done so since they may have gone down."""
        if not self._may_be_down:
            return
        if self._provider.start(self._progress):
            self.started = True
            self._disconnect()
        self._may_be_down = False

    def _save(self, checkpoint: str) -> None:
        self._progress("", _("saving the checkpoint {name}", name=checkpoint))
        Baselines(self._session.home).take(checkpoint, self._connected())
        self._provider.save(checkpoint)
        self.saved.append(checkpoint)

    def _connected(self) -> Mapping[str, Target]:
        """The hosts with connections that stay open until a host is restarted."""
        if self._targets is None:
            self._targets = self._connections.enter_context(self._session.targets())
        return self._targets

    def _disconnect(self) -> None:
        self._connections.close()
        self._targets = None


def remember(session: Session, complete: str, borrowed: tuple[str, ...] | None = None) -> LabState:
    """Write the lab's state file; refuse a lab file that changed since the lab was made.

    `borrowed` as in LabState; None keeps what the file says.
    """
    lab, before = session.lab, session.state
    if before is not None and before.fingerprint != lab.fingerprint:
        raise WrongState(
            _("the lab file does not match lab {name}", name=lab.name),
            hint=commands("labctl destroy", "labctl up"),
        )
    if borrowed is None:
        borrowed = before.borrowed if before is not None else ()
    state = LabState(
        provider=session.provider.name,
        fingerprint=lab.fingerprint,
        lab_file=session.lab_file.absolute() if session.lab_file else None,
        complete=complete,
        release=session.release,
        borrowed=borrowed,
    )
    if state != before:
        write_state(session.home, state)
    return state


def apply_steps(
    targets: Mapping[str, Target], steps: Sequence[Step], progress: Progress
) -> tuple[StepReport, ...]:
    """Apply the steps on every host, hosts in parallel; return the reports in the book's order."""

    def cut_connections() -> None:
        """Let no thread continue to change the lab."""
        for target in targets.values():
            target.remote.abandon()

    found = on_each(
        targets.values(),
        lambda target: _apply_on(target, steps, progress),
        stop=cut_connections,
    )
    reports = [report for reports in found for report in reports]
    return in_book_order(reports, next(iter(targets.values())).lab)


def _apply_on(target: Target, steps: Sequence[Step], progress: Progress) -> list[StepReport]:
    reports = []
    for step in steps:
        if step.applies_to(target.scene):
            progress(target.host.name, f"{step.name}  {step.section}")
            reports.append(_apply_one(target, step))
    progress(target.host.name, _("done"))
    return reports


def _apply_one(target: Target, step: Step) -> StepReport:
    begun = time.monotonic()
    try:
        changes = tuple(step.apply(target))
    except LabError as error:
        error.message = _(
            "{step} on {host}: {what}",
            step=step.name,
            host=target.host.name,
            what=error.message,
        )
        raise
    seconds = time.monotonic() - begun
    return StepReport(step.name, step.section, target.host.name, seconds, changes)
