"""What an instructor may do to one seat. Each function returns data and raises LabError.

A seat is an ordinary lab, so each of these is what a labctl command does to a lab.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labctl.classroom.roll import Roll, Seat, open_seat
from labctl.drills import exercise
from labctl.errors import WrongState, WrongUsage
from labctl.hint import Hint
from labctl.i18n import _
from labctl.lock import locked
from labctl.progress import Progress, silent
from labctl.providers.base import Mover
from labctl.reset import ResetResult, go_back, newest_before_reset, target_of_reset
from labctl.session import Session
from provision.step import WHOLE, Target


@dataclass(frozen=True)
class DrillStarted:
    """A drill that was started at a seat: its name and what a user reports."""

    name: str
    symptom: str


def reset(
    roll: Roll, seat: Seat, checkpoint: str | None = None, progress: Progress = silent
) -> ResetResult:
    """Return the seat to a checkpoint, by default to where the class begins."""
    session = opened(roll, seat)
    with locked(session.home):
        return go_back(
            session, target_of_reset(session, checkpoint or roll.until or WHOLE), progress
        )


def undo(roll: Roll, seat: Seat, progress: Progress = silent) -> ResetResult:
    """Restore the state of the seat before its last reset."""
    session = opened(roll, seat)
    with locked(session.home):
        return go_back(session, newest_before_reset(session), progress)


def start_drill(roll: Roll, seat: Seat, name: str, progress: Progress = silent) -> DrillStarted:
    """Break one thing at the seat. A seat that has this very drill stays as it is.

    Raises:
        WrongUsage: The edition has no such drill.
        WrongState: The lab does not run, is not correct, or has another drill.
    """
    session = opened(roll, seat)
    drill = exercise.pick(name, None, session.lab)
    session.ensure_up()
    with locked(session.home), session.targets() as targets:
        if not _has_drill(session, targets, drill.name, progress):
            exercise.start(session, targets, drill, progress)
    return DrillStarted(drill.name, drill.symptom_in(session.lab))


def _has_drill(
    session: Session, targets: Mapping[str, Target], name: str, progress: Progress
) -> bool:
    """Whether the drill is active and its fault is there.

    A labctl that was killed may have recorded the drill and broken nothing.
    """
    try:
        active = exercise.running(session.home).name
    except WrongState:
        return False
    return active == name and not exercise.look(session, targets, progress).mended


def set_net(roll: Roll, seat: Seat, *, is_open: bool) -> bool:
    """Open or close the seat's internet access. Returns whether it is open."""
    session = opened(roll, seat)
    with locked(session.home):
        session.provider.set_net(is_open)
    return is_open


def move(roll: Roll, seat: Seat, to: str, progress: Progress = silent) -> bool:
    """Move the seat to another machine, with its checkpoints. Returns False if it is there already.

    Raises:
        WrongUsage: The provider has only one machine.
        MachineLacks: The machine does not exist or does not answer.
    """
    session = opened(roll, seat)
    provider = session.provider
    if not isinstance(provider, Mover):
        raise WrongUsage(
            _("labs of the provider {name} cannot be moved to another machine", name=provider.name)
        )
    with locked(session.home):
        return provider.move(to, progress)


def opened(roll: Roll, seat: Seat) -> Session:
    """The lab of a seat; raises WrongState if it was never made."""
    session = open_seat(roll, seat)
    if session.state is None:
        raise WrongState(
            _("the lab of seat {seat} was never created", seat=seat.label),
            hint=Hint("", (roll.command("up", seat.label),)),
        )
    return session
