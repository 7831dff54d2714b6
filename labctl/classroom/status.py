"""What exists of a class: each seat, by what is really there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from labctl.classroom.roll import Roll, Seat, open_seat
from labctl.drills.exercise import read_running
from labctl.health import Diagnosis, Verdict
from labctl.i18n import N_
from labctl.machine import ThisMachine
from labctl.providers.base import DiskMeter
from labctl.providers.checks import run_checks
from labctl.results import HostState
from labctl.session import Session


class SeatState(StrEnum):
    """The state of a seat's lab as a whole. `begun`: `class up` has not completed."""

    ABSENT = N_("absent")
    BEGUN = N_("begun")
    STOPPED = N_("stopped")
    RUNNING = N_("running")
    BROKEN = N_("broken")


@dataclass(frozen=True)
class SeatStatus:
    """One seat.

    `complete` is the checkpoint at which the lab's last `up` ended. `drill` is the current one, or
    "". `disk` compares the lab's files with what the lab file allows; None if the provider limits
    the disk itself.
    """

    state: SeatState
    complete: str = ""
    drill: str = ""
    disk: Diagnosis | None = None

    @property
    def over_budget(self) -> bool:
        return self.disk is not None and self.disk.verdict is Verdict.WARNING


def look_at_seat(roll: Roll, seat: Seat) -> SeatStatus:
    """Ask the provider; raises LabError if the lab's files cannot be read."""
    session = open_seat(roll, seat)
    state = _state(session, session.provider.status().values())
    if session.state is None:
        return SeatStatus(state)
    running = read_running(session.home)
    return SeatStatus(
        state, session.state.complete, running.name if running else "", disk_of(session)
    )


def _state(session: Session, hosts: Iterable[HostState]) -> SeatState:
    states = set(hosts)
    if states == {HostState.ABSENT}:
        return SeatState.ABSENT if session.state is None else SeatState.BEGUN
    if session.state is None or not session.state.complete:
        return SeatState.BEGUN
    if states == {HostState.RUNNING}:
        return SeatState.RUNNING
    return SeatState.STOPPED if states == {HostState.STOPPED} else SeatState.BROKEN


def disk_of(session: Session) -> Diagnosis | None:
    """How large the lab's files are, and a warning if the lab file allows less.

    None if the provider limits the disk itself.
    """
    if not isinstance(session.provider, DiskMeter):
        return None
    return next(iter(run_checks([session.provider.disk_check()], ThisMachine())), None)
