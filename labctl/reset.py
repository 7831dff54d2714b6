"""Going back to a checkpoint. The state before a reset or an undo is kept as a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from labctl.baselines import Baselines
from labctl.errors import WrongState, WrongUsage
from labctl.hint import commands
from labctl.home import LabHome, write_atomically
from labctl.i18n import _
from labctl.lab import Lab
from labctl.progress import Progress
from labctl.providers.base import ensure_usable, never_made, unknown_checkpoint
from labctl.session import Session

# How many states before a reset or an undo are kept; older ones are removed.
KEPT_BEFORE_RESET = 3
_BEFORE_RESET = "before-reset-"
_BEFORE_UNDO = "before-undo-"


class NothingToUndo(WrongState):
    """The lab has no state before a reset."""


@dataclass(frozen=True)
class ResetResult:
    """The checkpoint that was restored. The state before it is kept as `kept_as`."""

    checkpoint: str
    kept_as: str
    seconds: float

    @property
    def takes_back_undo(self) -> bool:
        """Whether an undo was undone: the restored state is that before an undo."""
        return self.checkpoint.startswith(_BEFORE_UNDO)


def is_kept(name: str) -> bool:
    """Whether a checkpoint of that name is the state before a reset or an undo."""
    return name.startswith((_BEFORE_RESET, _BEFORE_UNDO))


def target_of_reset(session: Session, asked: str | None) -> str:
    """The checkpoint to restore: `asked`, or by default where the last complete `up` ended.

    Args:
        asked: The name of a checkpoint, or of a step after which one was saved.

    Raises:
        WrongUsage: there is no such checkpoint.
        WrongState: the lab was never made, or no `up` has completed and none is asked for.
    """
    names = _checkpoints(session)
    wanted = asked or session.complete
    if not wanted:
        raise WrongState(
            _("no labctl up has completed yet"),
            hint=commands(
                "labctl up",
                "labctl reset --to CHECKPOINT",
                text=_("checkpoints: {names}", names=", ".join(names)),
            ),
        )
    if wanted in names:
        return wanted
    return _of_step(wanted, names, session.lab)


def _of_step(wanted: str, names: list[str], lab: Lab) -> str:
    """The checkpoint saved after the step of that name; the last step's is called `ready`."""
    # Importing the steps takes a tenth of a second, and most resets do not need them.
    from labctl.engine import checkpoint_of
    from provision.steps import steps_of

    step = next((step for step in steps_of(lab) if step.name == wanted), None)
    if step is None:
        raise unknown_checkpoint(wanted, names)
    if checkpoint_of(step) not in names:
        raise WrongUsage(
            _("no checkpoint was saved after the step {name}", name=wanted),
            cause=_("checkpoints: {names}", names=", ".join(names)),
            hint=commands("labctl destroy", "labctl up --checkpoints every"),
        )
    return checkpoint_of(step)


def newest_before_reset(session: Session) -> str:
    """The state before the last reset or undo.

    Raises:
        NothingToUndo: There is none.
        WrongState: The lab was never made.
    """
    kept = list(filter(is_kept, _checkpoints(session)))
    if not kept:
        raise NothingToUndo(_("there is no reset to undo"), hint=commands("labctl checkpoints"))
    return kept[-1]


def kept_before_reset(session: Session, name: str) -> str:
    """The state before a reset of that name.

    Raises:
        WrongUsage: It is another checkpoint or none.
        WrongState: The lab was never made.
    """
    kept = list(filter(is_kept, _checkpoints(session)))
    if name not in kept:
        raise WrongUsage(
            _("{name} is not the state before a reset", name=name),
            hint=commands(
                "labctl checkpoints",
                text=_("there are: {names}", names=", ".join(kept))
                if kept
                else _("no such state is saved; this lists all checkpoints"),
            ),
        )
    return name


def remove_kept(session: Session, name: str) -> None:
    """Remove the state before a reset. It cannot be restored afterwards."""
    _drop(session, Baselines(session.home), name)


def go_back(session: Session, checkpoint: str, progress: Progress) -> ResetResult:
    """Restore the checkpoint on all hosts and keep the state before, with its drill.

    An undo uses its checkpoint up: the state before a reset is dropped once it is restored. The
    state before an undo has another name, so that a second undo says what it takes back.
    """
    begun = time.monotonic()
    ensure_usable(session.provider)
    is_undo = is_kept(checkpoint)
    kept_as = _new_name(_BEFORE_UNDO if is_undo else _BEFORE_RESET, _kept(session))
    _keep_drill(session.home, kept_as)
    session.provider.restore(checkpoint, progress, keep_as=kept_as)
    _take_drill_of(session.home, checkpoint)
    baselines = Baselines(session.home)
    baselines.went_back(checkpoint, kept_as)
    if session.state is not None and checkpoint in session.state.borrowed:
        # Most labs are copies of no other, and importing the steps takes a tenth of a second.
        from labctl.copies import keep_own_passwords

        keep_own_passwords(session, checkpoint, progress)
    if is_undo:
        _drop(session, baselines, checkpoint)
    elif not baselines.has(checkpoint, [host.name for host in session.lab.hosts]):
        with session.targets() as targets:
            baselines.take(checkpoint, targets)
    for old in _kept(session)[:-KEPT_BEFORE_RESET]:
        _drop(session, baselines, old)
    return ResetResult(checkpoint, kept_as, time.monotonic() - begun)


def _new_name(beginning: str, taken: Collection[str]) -> str:
    """A name with the time, and a number if two states are kept within a second."""
    name = beginning + time.strftime("%Y%m%d-%H%M%S")
    numbered = (f"{name}-{number}" for number in count(2))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _drop(session: Session, baselines: Baselines, checkpoint: str) -> None:
    session.provider.drop(checkpoint)
    baselines.forget(checkpoint)
    session.home.kept_drill_file(checkpoint).unlink(missing_ok=True)


def _keep_drill(home: LabHome, kept_as: str) -> None:
    """Copy the record of the active drill, if there is one: the kept state has its fault."""
    with suppress(FileNotFoundError):
        record = home.drill_file.read_text(encoding="utf-8", errors="replace")
        write_atomically(home.kept_drill_file(kept_as), record)


def _take_drill_of(home: LabHome, checkpoint: str) -> None:
    """A reset ends the active drill. The state before a reset brings its drill back."""
    try:
        home.kept_drill_file(checkpoint).replace(home.drill_file)
    except FileNotFoundError:
        home.drill_file.unlink(missing_ok=True)


def _checkpoints(session: Session) -> list[str]:
    """The names of all checkpoints, oldest first. Raises WrongState if the lab was never made."""
    names = [info.name for info in session.provider.checkpoints()]
    if not names:
        raise never_made(session.lab.name)
    return names


def _kept(session: Session) -> list[str]:
    """The states before a reset or an undo, oldest first.

    The order is the provider's. The times in the names are wrong if the clock was set back.
    """
    names = (info.name for info in session.provider.checkpoints())
    return [name for name in names if is_kept(name)]
