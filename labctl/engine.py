"""Brings a lab up: hosts from a provider, then the steps in the book's order.

Both hosts go through the steps in parallel; they meet only where a checkpoint is saved, for
that is of the whole lab. An interrupted run is continued by the next: every part is idempotent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from labctl.baselines import Baselines
from labctl.errors import LabError, WrongState, WrongUsage
from labctl.home import name_option
from labctl.i18n import _
from labctl.progress import Progress
from labctl.results import StepReport
from labctl.session import Session
from labctl.state import LabState, write_state
from provision.step import Step, Target
from provision.steps import STEPS, in_book_order

OS = "os"


@dataclass(frozen=True)
class UpResult:
    """What `up` did. `seconds` is wall time, `saved` the checkpoints written."""

    lab: str
    provider: str
    reason: str
    until: str
    made: bool
    started: bool
    reports: tuple[StepReport, ...]
    saved: tuple[str, ...]
    seconds: float

    @property
    def changed(self) -> bool:
        return self.made or self.started or any(report.changes for report in self.reports)

    @property
    def is_whole(self) -> bool:
        """Whether the lab has all of the book's sections."""
        return all(step.extra for step in STEPS[step_names().index(self.until) :])


def step_names() -> list[str]:
    """What `--until` takes: `os`, then every step."""
    return [OS, *(step.name for step in STEPS)]


def steps_until(until: str | None) -> tuple[Step, ...]:
    """The steps up to and with `until`, all by default; WrongUsage with the names there are."""
    if until is None:
        return STEPS
    if until not in step_names():
        raise WrongUsage(
            _("there is no step {name}", name=repr(until)),
            hint=_("steps: {names}", names=", ".join(step_names())),
        )
    return STEPS[: step_names().index(until)]


def bring_up(
    session: Session, progress: Progress, until: str | None = None, *, every: bool = False
) -> UpResult:
    """Makes, starts and configures the lab as far as `until`.

    With `every`, a checkpoint is saved after each step that changed anything, under the step's
    name. Raises LabError; what was done until then stays, and the next call goes on from there.
    """
    begun = time.monotonic()
    steps = steps_until(until)
    provider = session.provider
    provider.ensure_usable()
    _remember(session, session.state.complete if session.state else "")
    made = provider.create(progress)
    saved = {info.name for info in provider.checkpoints()}
    reports: list[StepReport] = []
    new: list[str] = []
    started, to_start = False, True
    hosts = _Connected(session)
    baselines = Baselines(session.home)
    for segment in _segments(steps, every):
        for packages in (step.packages for step in segment if step.packages is not None):
            to_start |= provider.preinstall(packages, progress)
        booted = to_start and provider.start(progress)
        to_start = False
        started |= booted
        applied = _apply(hosts.targets(anew=booted), segment, progress)
        reports += applied
        last = segment[-1]
        checkpoint = checkpoint_of(last)
        # A step that found all done may be far behind the lab: its state is long gone.
        is_its_state = last.checkpoint is not None or any(one.changes for one in applied)
        if checkpoint not in saved and (is_its_state or last is steps[-1]):
            progress("", _("saving the checkpoint {name}", name=checkpoint))
            baselines.take(checkpoint, hosts.targets(anew=False))
            provider.save(checkpoint)
            new.append(checkpoint)
    hosts.close()
    if to_start:
        # No step was asked for: the bare hosts are to run all the same.
        started = provider.start(progress)
    complete = checkpoint_of(steps[-1]) if steps else OS
    _remember(session, complete)
    baselines.stand_at(complete)
    return UpResult(
        lab=session.lab.name,
        provider=provider.name,
        reason=session.choice.reason,
        until=steps[-1].name if steps else OS,
        made=made,
        started=started,
        reports=tuple(reports),
        saved=tuple(new),
        seconds=time.monotonic() - begun,
    )


class _Connected:
    """The hosts' connections, kept from segment to segment until a host was restarted."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._open = ExitStack()
        self._targets: Mapping[str, Target] | None = None

    def targets(self, *, anew: bool) -> Mapping[str, Target]:
        if anew or self._targets is None:
            self.close()
            self._targets = self._open.enter_context(self._session.targets())
        return self._targets

    def close(self) -> None:
        self._open.close()
        self._targets = None


def checkpoint_of(step: Step) -> str:
    """The name under which the state after a step is kept."""
    return step.checkpoint or step.name


def _segments(steps: Sequence[Step], every: bool) -> list[list[Step]]:
    """The steps cut after each one that is to be saved; the last one always is."""
    segments: list[list[Step]] = [[]]
    for step in steps:
        segments[-1].append(step)
        if every or step.checkpoint is not None:
            segments.append([])
    return [segment for segment in segments if segment]


def _remember(session: Session, complete: str) -> None:
    lab, before = session.lab, session.state
    if before is not None and before.fingerprint != lab.fingerprint:
        raise WrongState(
            _("the lab file says another lab than {name} was made from", name=lab.name),
            hint=_("labctl destroy{name}, then labctl up{name}", name=name_option(lab.name)),
        )
    state = LabState(
        provider=session.provider.name,
        fingerprint=lab.fingerprint,
        lab_file=session.lab_file.absolute() if session.lab_file else None,
        complete=complete,
    )
    if state != before:
        write_state(session.home, state)


def _apply(
    targets: Mapping[str, Target], steps: Sequence[Step], progress: Progress
) -> tuple[StepReport, ...]:
    """The steps on every host, hosts in parallel; reports in the book's order."""
    with ThreadPoolExecutor(len(targets)) as pool:
        running = [pool.submit(_apply_on, target, steps, progress) for target in targets.values()]
        try:
            found = [report for done in running for report in done.result()]
        except BaseException:
            # Cut the connections, so that no thread goes on with the lab after we have left.
            _close(targets)
            raise
    return in_book_order(found)


def _close(targets: Mapping[str, Target]) -> None:
    for target in targets.values():
        target.remote.abandon()


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
