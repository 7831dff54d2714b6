"""Back to a checkpoint, and never losing silently what was there before.

The state before a reset is kept as a checkpoint of its own; the newest three are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from labctl.baselines import Baselines
from labctl.errors import WrongState, WrongUsage
from labctl.i18n import _
from labctl.progress import Progress
from labctl.providers.base import never_made, unknown_checkpoint
from labctl.session import Session

KEPT_BEFORE_RESET = 3
_BEFORE = "before-reset-"


@dataclass(frozen=True)
class ResetResult:
    """Where the lab went back to, and the name under which the state before is kept."""

    checkpoint: str
    kept_as: str
    seconds: float


def target_of_reset(session: Session, asked: str | None) -> str:
    """The checkpoint to go back to: the asked one, else where the last complete `up` ended.

    Raises WrongUsage for a name that is not there, WrongState before the first complete `up`.
    """
    names = [info.name for info in session.provider.checkpoints()]
    if not names:
        raise never_made(session.lab.name)
    wanted = asked or (session.state.complete if session.state is not None else "")
    if not wanted:
        raise WrongState(
            _("no labctl up has come to its end yet"),
            hint=_("labctl up, or labctl reset --to {names}", names="|".join(names)),
        )
    if wanted in names:
        return wanted
    return _of_step(wanted, names)


def _of_step(wanted: str, names: list[str]) -> str:
    """The checkpoint kept after the step of that name; the last step's is called `ready`."""
    # The steps take a tenth of a second to import, and the checkpoints most go back to need none.
    from labctl.engine import checkpoint_of
    from provision.steps import STEPS

    step = next((step for step in STEPS if step.name == wanted), None)
    if step is None:
        raise unknown_checkpoint(wanted, names)
    if checkpoint_of(step) not in names:
        raise WrongUsage(
            _("no checkpoint was kept after the step {name}", name=wanted),
            cause=_("checkpoints: {names}", names=", ".join(names)),
            hint=_("labctl destroy, then labctl up --checkpoints every"),
        )
    return checkpoint_of(step)


def newest_before_reset(session: Session) -> str:
    """The state before the last reset; WrongState where none is kept."""
    kept = _kept(session)
    if not kept:
        raise WrongState(_("there is no reset to undo"))
    return kept[-1]


def go_back(session: Session, checkpoint: str, progress: Progress) -> ResetResult:
    """Restores the checkpoint on all hosts and keeps the state before."""
    begun = time.monotonic()
    session.provider.ensure_usable()
    kept_as = _BEFORE + time.strftime("%Y%m%d-%H%M%S")
    session.provider.restore(checkpoint, progress, keep_as=kept_as)
    # After a reset no drill is on.
    session.home.drill_file.unlink(missing_ok=True)
    baselines = Baselines(session.home)
    baselines.went_back(checkpoint, kept_as)
    if checkpoint.startswith(_BEFORE):
        _drop(session, baselines, checkpoint)
    elif not baselines.has(checkpoint, [host.name for host in session.lab.hosts]):
        with session.targets() as targets:
            baselines.take(checkpoint, targets)
    for old in _kept(session)[:-KEPT_BEFORE_RESET]:
        _drop(session, baselines, old)
    return ResetResult(checkpoint, kept_as, time.monotonic() - begun)


def _drop(session: Session, baselines: Baselines, checkpoint: str) -> None:
    session.provider.drop(checkpoint)
    baselines.forget(checkpoint)


def _kept(session: Session) -> list[str]:
    """Oldest first, as the provider lists them: the clock in the names may have been set back."""
    names = (info.name for info in session.provider.checkpoints())
    return [name for name in names if name.startswith(_BEFORE)]
