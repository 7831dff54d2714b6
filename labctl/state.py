"""What labctl remembers of a lab between two commands: how it was made and how far it got."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import WrongState
from labctl.home import LabHome, write_atomically
from labctl.i18n import _

VERSION = 1


class LabState(BaseModel):
    """`complete` is the checkpoint that the last complete `up` ended at, "" before the first."""

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    provider: str
    fingerprint: str
    lab_file: Path | None = None
    complete: str = ""


def read_state(home: LabHome) -> LabState | None:
    """The state; None for a lab that was never made. WrongState where it cannot be read."""
    try:
        state = LabState.model_validate_json(home.state_file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise _unreadable(home, type(error).__name__) from error
    if state.version != VERSION:
        raise _unreadable(home, f"version {state.version}")
    return state


def write_state(home: LabHome, state: LabState) -> None:
    """Writes the state atomically."""
    write_atomically(home.state_file, state.model_dump_json(indent=1))


def _unreadable(home: LabHome, cause: str) -> WrongState:
    return WrongState(
        _("the state file {path} cannot be read", path=home.state_file),
        cause=cause,
        hint=_("labctl destroy, then labctl up"),
    )
