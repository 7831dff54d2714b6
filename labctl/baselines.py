"""The state of the hosts at each checkpoint, for `labctl diff`.

A baseline is taken when its checkpoint is saved, or right after the first reset to it. The last
checkpoint of the lab is remembered too, because `diff` compares with it by default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import WrongState
from labctl.hint import commands
from labctl.home import LabHome, write_atomically
from labctl.i18n import _
from labctl.manifest import Manifest, parse, take
from labctl.parallel import on_each
from labctl.trees import remove_tree
from provision.step import Target


class _Places(BaseModel):
    """The last checkpoint of the lab: `at` now, and `kept` for each state before a reset."""

    model_config = ConfigDict(frozen=True)

    at: str = ""
    kept: dict[str, str] = {}


class Baselines:
    """The baselines of one lab."""

    def __init__(self, home: LabHome) -> None:
        self._folder = home.state / "baselines"

    def has(self, checkpoint: str, hosts: Iterable[str]) -> bool:
        return all(self._file(checkpoint, host).exists() for host in hosts)

    def take(self, checkpoint: str, targets: Mapping[str, Target]) -> None:
        """Save the current state of the hosts. Raises LabError."""
        for host, text in zip(targets, on_each(targets.values(), take), strict=True):
            write_atomically(self._file(checkpoint, host), text, mode=0o600)

    def read(self, checkpoint: str, host: str) -> Manifest:
        """The state of the host at the checkpoint. Raises WrongState if it is not known."""
        try:
            text = self._file(checkpoint, host).read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError) as error:
            raise WrongState(
                _("the state of {host} at {name} is not known", host=host, name=checkpoint),
                hint=commands(["labctl", "reset", "--to", checkpoint]),
            ) from error
        return parse(text)

    @property
    def at(self) -> str:
        """The checkpoint at which the lab last was; "" before the first."""
        return self._places().at

    def set_current(self, checkpoint: str) -> None:
        """Remember that an `up` ended at the checkpoint."""
        places = self._places()
        if places.at != checkpoint:
            self._write(places.model_copy(update={"at": checkpoint}))

    def went_back(self, checkpoint: str, kept_as: str) -> None:
        """Remember a reset. Undoing one leads back to where the lab was before it."""
        places = self._places()
        at = places.kept.get(checkpoint, checkpoint)
        self._write(_Places(at=at, kept={**places.kept, kept_as: places.at}))

    def forget(self, checkpoint: str) -> None:
        """Remove the baseline of a checkpoint that was dropped."""
        places = self._places()
        kept = {name: at for name, at in places.kept.items() if name != checkpoint}
        if kept != places.kept:
            self._write(places.model_copy(update={"kept": kept}))
        remove_tree(self._folder / checkpoint)

    def _file(self, checkpoint: str, host: str) -> Path:
        return self._folder / checkpoint / host

    def _places(self) -> _Places:
        try:
            return _Places.model_validate_json((self._folder / "places.json").read_bytes())
        except (OSError, ValidationError):
            # Only the default of `diff` is lost: --since still takes every checkpoint.
            return _Places()

    def _write(self, places: _Places) -> None:
        write_atomically(self._folder / "places.json", places.model_dump_json(indent=1))
