"""labctl's data about a lab's Vagrant machines, in one file that is written atomically.

A checkpoint is a snapshot with the same name on every machine. It is recorded only after every
machine has it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field

from labctl.home import LabHome, write_atomically
from labctl.providers.keys import pin_keys
from labctl.providers.record import Frozen, LabRecord, SavedCheckpoint
from labctl.state import read_kept

VERSION = 1


class Saved(SavedCheckpoint):
    """A checkpoint: a snapshot of that name on every machine."""

    snapshot: str


class KnownMachine(Frozen):
    """The last SSH address of a host, and its public keys from the first boot."""

    address: str
    port: int
    host_keys: tuple[str, ...]


class Unfinished(Frozen):
    """A restore in progress: its snapshot, and the machines that are already restored.

    It is complete when the clock and the filter of every host are set.
    """

    snapshot: str
    restored: tuple[str, ...] = ()


class Record(LabRecord[Saved]):
    """The whole file.

    `stale` are snapshots to delete as soon as the hypervisor allows it. `unfinished` is a restore
    that did not come to its end.
    """

    version: int = VERSION
    hypervisor: str
    machines: dict[str, KnownMachine] = Field(default_factory=dict)
    resolvers: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    unfinished: Unfinished | None = None

    def without_checkpoint(self, name: str) -> Self:
        """The record without a checkpoint, whose snapshot is to be deleted."""
        old = self.find(name)
        without = super().without_checkpoint(name)
        return without.with_stale(old.snapshot) if old is not None else without

    def with_stale(self, snapshot: str) -> Self:
        """The record with one more snapshot to delete."""
        return self.model_copy(update={"stale": (*self.stale, snapshot)})


def _file(home: LabHome) -> Path:
    return home.state / "vagrant.json"


def read_record(home: LabHome) -> Record | None:
    """The record, or None if the lab was never made. Raises WrongState if it cannot be read."""
    return read_kept(_file(home), Record, VERSION)


def write_record(home: LabHome, record: Record) -> None:
    """Write the record, and the known_hosts file that follows from it."""
    machines = record.machines.values()
    pin_keys(home, ((each.address, each.port, key) for each in machines for key in each.host_keys))
    write_atomically(_file(home), record.model_dump_json(indent=1))
