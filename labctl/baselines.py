"""What the hosts looked like at each checkpoint, kept beside the lab's state.

Taken when a checkpoint is saved, or right after the first reset to it. In memory of where the
lab last stood, so that `labctl diff` knows what to compare with.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import WrongState
from labctl.home import LabHome, name_option, write_atomically
from labctl.i18n import _
from labctl.manifest import Manifest, parse, take
from provision.step import Target


class _Places(BaseModel):
    """`at` is where the lab last stood; `kept` the same for each state before a reset."""

    model_config = ConfigDict(frozen=True)

    at: str = ""
    kept: dict[str, str] = {}


class Baselines:
    """The baselines of one lab."""

    def __init__(self, home: LabHome) -> None:
        self._folder = home.state / "baselines"
        self._name = home.name

    def has(self, checkpoint: str, hosts: Iterable[str]) -> bool:
        return all(self._file(checkpoint, host).exists() for host in hosts)

    def take(self, checkpoint: str, targets: Mapping[str, Target]) -> None:
        """Keeps what the hosts look like now, all at once; raises LabError."""
        with ThreadPoolExecutor(len(targets)) as pool:
            for host, text in zip(targets, pool.map(take, targets.values()), strict=True):
                write_atomically(self._file(checkpoint, host), text, mode=0o600)

    def read(self, checkpoint: str, host: str) -> Manifest:
        """The host at that checkpoint; WrongState where nothing was kept of it."""
        try:
            text = self._file(checkpoint, host).read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError) as error:
            raise WrongState(
                _("nothing is kept of how {host} was at {name}", host=host, name=checkpoint),
                hint=f"labctl reset --to {checkpoint}" + name_option(self._name),
            ) from error
        return parse(text)

    @property
    def at(self) -> str:
        """The checkpoint the lab last stood at; "" before the first."""
        return self._places().at

    def stand_at(self, checkpoint: str) -> None:
        """Remembers that an `up` ended at the checkpoint."""
        places = self._places()
        if places.at != checkpoint:
            self._write(places.model_copy(update={"at": checkpoint}))

    def went_back(self, checkpoint: str, kept_as: str) -> None:
        """Remembers a reset; one that was undone leads back to where the lab stood before."""
        places = self._places()
        at = places.kept.get(checkpoint, checkpoint)
        self._write(_Places(at=at, kept={**places.kept, kept_as: places.at}))

    def forget(self, checkpoint: str) -> None:
        """Removes what was kept of a checkpoint that is no more."""
        places = self._places()
        kept = {name: at for name, at in places.kept.items() if name != checkpoint}
        if kept != places.kept:
            self._write(places.model_copy(update={"kept": kept}))
        shutil.rmtree(self._folder / checkpoint, ignore_errors=True)

    def _file(self, checkpoint: str, host: str) -> Path:
        return self._folder / checkpoint / host

    def _places(self) -> _Places:
        try:
            return _Places.model_validate_json((self._folder / "places.json").read_bytes())
        except (OSError, ValidationError):
            # Only a default is lost; --since still takes every checkpoint.
            return _Places()

    def _write(self, places: _Places) -> None:
        write_atomically(self._folder / "places.json", places.model_dump_json(indent=1))
