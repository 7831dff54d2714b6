"""The current drill of a lab: start, hint, check, solve.

The drill is recorded before anything is broken, and `solve` or a reset ends it, so the state of
the lab is always known.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.drills.actions import names_of, perform
from labctl.drills.catalogue import Drill, drills_of, find_drill, host_of
from labctl.engine import bring_up
from labctl.errors import WrongState, WrongUsage
from labctl.grading import Grades, grade_hosts, wrong
from labctl.hint import Hint, commands
from labctl.home import LabHome, write_atomically
from labctl.i18n import _
from labctl.lab import Lab
from labctl.progress import Progress
from labctl.session import Session
from provision.step import WHOLE, Target


class Running(BaseModel):
    """The current drill and the number of hints given."""

    model_config = ConfigDict(frozen=True)

    name: str
    hints: int = 0

    @property
    def drill(self) -> Drill:
        return find_drill(self.name)


@dataclass(frozen=True)
class Attempt:
    """The result of `look`. `mended` if the whole lab is correct again, with any repair.

    `names` are what the drill's texts name in braces.
    """

    drill: Drill
    names: Mapping[str, str]
    mended: bool


@dataclass(frozen=True)
class Solution:
    """What `solve` did. `repair` is shell for the host `host`; it is "" if `up` did everything.

    `names` are what the drill's texts name in braces.
    """

    drill: Drill
    names: Mapping[str, str]
    host: str
    repair: str


def running(home: LabHome) -> Running:
    """The current drill. Raises WrongState if there is none."""
    found = read_running(home)
    if found is None:
        raise WrongState(_("no drill is active"), hint=commands("labctl drill start --random"))
    return found


def pick(name: str | None, level: int | None, lab: Lab) -> Drill:
    """The drill of that name, or a random one (of a level), for the lab's edition.

    Raises:
        WrongUsage: The edition has no such drill.
    """
    drills = drills_of(lab)
    if name is not None:
        return find_drill(name, drills)
    fitting = [drill for drill in drills if level in (None, drill.level)]
    if not fitting:
        raise WrongUsage(
            _("there is no drill of level {level}", level=level), hint=commands("labctl drill list")
        )
    return random.choice(fitting)


def start(
    session: Session, targets: Mapping[str, Target], drill: Drill, progress: Progress
) -> None:
    """Break a correct lab. Raises WrongState if it is not correct or a drill is active."""
    # If the record of an earlier drill cannot be read, the check below finds its fault.
    if on := read_running(session.home):
        raise WrongState(
            _("the drill {name} is still active", name=on.name), hint=commands("labctl drill solve")
        )
    grades = grade_hosts(targets, progress=progress)
    if not grades.ok:
        raise WrongState(
            _("a drill needs a correct lab"),
            cause=_first_wrong(grades),
            hint=_to_make_it_correct(session),
        )
    _write(session.home, Running(name=drill.name))
    perform(targets[host_of(session.lab).name], drill.breakage.actions)


def _first_wrong(grades: Grades) -> str:
    """Host and subject of the first failure; "" if a section could not be graded at all."""
    for report in grades.reports:
        for finding in wrong(report):
            found, _newline, _rest = finding.found.partition("\n")
            return f"{report.host}: {finding.what}: {found}"
    return ""


def _to_make_it_correct(session: Session) -> Hint:
    """A plain reset goes back to where the last `up` ended, which may be half of the lab."""
    if session.state is None or session.state.complete == WHOLE:
        return commands("labctl check", "labctl reset")
    saved = (info.name for info in session.provider.checkpoints())
    rest = f"labctl reset --to {WHOLE}" if WHOLE in saved else "labctl up"
    return commands("labctl check", rest)


def next_hint(session: Session) -> tuple[str, int, int]:
    """The next hint, its number and the total. After the last one, the last one again."""
    home = session.home
    now = running(home)
    number = min(now.hints + 1, len(now.drill.hints))
    _write(home, Running(name=now.name, hints=number))
    names = names_of(session.scene(host_of(session.lab).name))
    hint = _(now.drill.hints[number - 1], **names)
    return hint, number, len(now.drill.hints)


def look(session: Session, targets: Mapping[str, Target], progress: Progress) -> Attempt:
    """Grade the lab. The drill ends if the lab is correct."""
    drill = running(session.home).drill
    names = names_of(targets[host_of(session.lab).name].scene)
    grades = grade_hosts(targets, progress=progress)
    if grades.ok:
        session.home.drill_file.unlink(missing_ok=True)
    return Attempt(drill, names, grades.ok)


def solve(session: Session, targets: Mapping[str, Target], progress: Progress) -> Solution:
    """Repair the lab as the explanation says, run `up` for the rest, and end the drill."""
    drill, target = running(session.home).drill, targets[host_of(session.lab).name]
    repair = drill.repair_on(target.scene)
    if repair:
        target.remote.script(repair)
    if not grade_hosts(targets, progress=progress).ok:
        bring_up(session, progress)
    session.home.drill_file.unlink(missing_ok=True)
    return Solution(drill, names_of(target.scene), target.host.name, repair)


def read_running(home: LabHome) -> Running | None:
    """The drill that has been started and not ended, if there is one that can be read."""
    try:
        return Running.model_validate_json(home.drill_file.read_bytes())
    except (OSError, ValidationError):
        return None


def _write(home: LabHome, now: Running) -> None:
    write_atomically(home.drill_file, now.model_dump_json())
