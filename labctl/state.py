"""The saved state of a lab: how it was created and where the last `up` ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from labctl.errors import WrongState
from labctl.hint import commands
from labctl.home import LabHome, write_atomically
from labctl.i18n import _
from labctl.mistakes import mistakes

VERSION = 1
Kept = TypeVar("Kept", bound=BaseModel)


class LabState(BaseModel):
    """`complete` is the checkpoint that the last complete `up` ended at, "" before the first.

    `release` is what `--release` asked for when the lab was created, if it did.
    `borrowed` are checkpoints that were copied from another lab and contain its passwords.
    """

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    provider: str
    fingerprint: str
    lab_file: Path | None = None
    complete: str = ""
    release: str | None = None
    borrowed: tuple[str, ...] = ()


def read_state(home: LabHome) -> LabState | None:
    """The state, or None if the lab was never created. Raises WrongState if it cannot be read."""
    return read_kept(home.state_file, LabState, VERSION)


def write_state(home: LabHome, state: LabState) -> None:
    """Write the state atomically."""
    write_atomically(home.state_file, state.model_dump_json(indent=1))


def read_kept(path: Path, model: type[Kept], version: int) -> Kept | None:
    """Read a file that labctl wrote for a lab, or None if there is no such file.

    Raises WrongState if the file is truncated, unreadable or of another `version`.
    """
    try:
        text = path.read_bytes()
        found = json.loads(text)
        if isinstance(found, dict) and found.get("version") != version:
            other = _("version {found}, not {wanted}", found=found.get("version"), wanted=version)
            raise _unreadable(path, other)
        return model.model_validate_json(text)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or "") from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, mistakes(error, model)) from error


def _unreadable(path: Path, cause: str) -> WrongState:
    return WrongState(
        _("the state file {path} cannot be read", path=path),
        cause=cause,
        hint=commands("labctl destroy", "labctl up"),
    )
