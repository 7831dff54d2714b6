"""What every provider records of a lab: its checkpoints, and whether its network is open.

A provider adds fields of its own. It replaces the record as a whole, so a labctl that is killed
leaves the old one or the new one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from labctl.results import CheckpointInfo


class Frozen(BaseModel):
    """The base of all that is recorded."""

    model_config = ConfigDict(frozen=True)


class SavedCheckpoint(Frozen):
    """A checkpoint: its name, the time it was saved, and the command that saved it."""

    name: str
    created: str
    origin: str

    def info(self, size: int = 0) -> CheckpointInfo:
        """The checkpoint as labctl lists it; `size` in bytes, 0 if it is not known."""
        return CheckpointInfo(self.name, self.created, size, self.origin)


Checkpoint = TypeVar("Checkpoint", bound=SavedCheckpoint)


class LabRecord(Frozen, Generic[Checkpoint]):
    """One lab. `checkpoints` are in the order in which they were saved."""

    version: int
    net_open: bool = True
    checkpoints: tuple[Checkpoint, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the checkpoints."""
        return tuple(saved.name for saved in self.checkpoints)

    def find(self, name: str) -> Checkpoint | None:
        return next((saved for saved in self.checkpoints if saved.name == name), None)

    def with_checkpoint(self, saved: Checkpoint) -> Self:
        """The record with a checkpoint that replaces one of the same name."""
        record = self.without_checkpoint(saved.name)
        return record.model_copy(update={"checkpoints": (*record.checkpoints, saved)})

    def without_checkpoint(self, name: str) -> Self:
        others = tuple(saved for saved in self.checkpoints if saved.name != name)
        return self.model_copy(update={"checkpoints": others})


def now() -> str:
    """The time in ISO 8601 with offset, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
