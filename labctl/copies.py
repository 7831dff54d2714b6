"""Makes a lab from another one, its model. The copy boots, and no step has to run on it.

What the model's steps wrote is shared. A copy has its own keys from the start. It gets its own
passwords when a checkpoint that contains passwords is used for the first time.
"""

from __future__ import annotations

from dataclasses import replace

from labctl.baselines import Baselines
from labctl.credentials import make_credentials
from labctl.engine import OS, apply_steps, bring_up, checkpoint_of, remember, steps_until
from labctl.progress import Progress
from labctl.providers.base import Copier, no_checkpoint_to_copy
from labctl.session import Session
from labctl.state import read_state


def bring_up_like(
    session: Session, model: Session, progress: Progress, until: str | None = None
) -> None:
    """Make and start a lab as its model was at the checkpoint of the step `until`.

    A provider that cannot copy labs makes it by the steps. A lab that is complete is only
    started: what a person changed on it stays.

    Raises:
        LabError: something failed. What was done stays, and the next call continues from there.
    """
    provider, state = session.provider, session.state
    if state is not None and state.complete:
        remember(session, state.complete)
        provider.start(progress)
        if make_credentials(session.home, session.lab):
            _apply_personal(session, state.complete, progress)
        return
    if not isinstance(provider, Copier):
        bring_up(session, progress, until)
        return
    steps = steps_until(until, session.lab)
    checkpoint = checkpoint_of(steps[-1]) if steps else OS
    names = [each.name for each in model.provider.checkpoints() if each.origin == "up"]
    if checkpoint not in names:
        raise no_checkpoint_to_copy(model.lab.name, checkpoint)
    borrowed = tuple(names) if state is None else state.borrowed
    session = replace(session, state=remember(session, "", borrowed))
    make_credentials(session.home, session.lab)
    provider.create_like(model.home, checkpoint)
    provider.start(progress)
    keep_own_passwords(session, checkpoint, progress)
    remember(_opened_again(session), checkpoint)
    Baselines(session.home).set_current(checkpoint)


def _apply_personal(session: Session, checkpoint: str, progress: Progress) -> None:
    """Give the hosts of a complete lab new passwords, because its own were lost."""
    steps = [step for step in steps_until(checkpoint, session.lab) if step.personal]
    if steps:
        with session.targets() as targets:
            apply_steps(targets, steps, progress)


def keep_own_passwords(session: Session, checkpoint: str, progress: Progress) -> None:
    """Give a running lab that was just put to a borrowed checkpoint its own passwords.

    The checkpoint is saved again with them, and is no longer borrowed.
    """
    state = session.state
    if state is None or checkpoint not in state.borrowed:
        return
    steps = [step for step in steps_until(checkpoint, session.lab) if step.personal]
    if steps:
        with session.targets() as targets:
            apply_steps(targets, steps, progress)
            Baselines(session.home).take(checkpoint, targets)
        session.provider.save(checkpoint)
    remember(session, state.complete, tuple(each for each in state.borrowed if each != checkpoint))


def _opened_again(session: Session) -> Session:
    """The session with the lab's state as it is on disk now."""
    return replace(session, state=read_state(session.home))
