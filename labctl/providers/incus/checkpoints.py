"""The checkpoints of a lab: saving one, going back to one, and how large they are.

Going back has two parts, because a labctl may be killed between them: the record says first where
the hosts go, and whoever uses the lab next puts them there.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from labctl.errors import LabError
from labctl.hint import commands
from labctl.home import LabHome
from labctl.i18n import _
from labctl.lab import Lab
from labctl.progress import Progress
from labctl.providers.base import incomplete_checkpoint, unknown_checkpoint
from labctl.providers.incus.client import Incus
from labctl.providers.incus.identity import read_identities, write_own_files
from labctl.providers.incus.instances import Instances
from labctl.providers.incus.record import Record, Saved, write_record
from labctl.providers.incus.shape import Shape
from labctl.providers.incus.snapshots import Snapshots, snapshot_name
from labctl.providers.incus.states import States
from labctl.providers.record import now


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one lab. `shape_of` gives the shape of the hosts of a record."""

    lab: Lab
    home: LabHome
    incus: Incus
    instances: Instances
    states: States
    shape_of: Callable[[Record], Shape]

    @property
    def _snapshots(self) -> Snapshots:
        return Snapshots(self.incus, self.instances.names)

    def take(self, record: Record, checkpoint: str, origin: str) -> Record:
        """Take the snapshots of a checkpoint. Returns the record with it, to be written."""
        saved = Saved(
            name=checkpoint,
            created=now(),
            origin=origin,
            snapshot=snapshot_name(checkpoint, secrets.token_hex(3)),
            layers=record.layers,
        )
        self._snapshots.take(saved.snapshot)
        return record.with_checkpoint(saved)

    def save(self, record: Record, checkpoint: str, origin: str) -> None:
        self.states.ensure_there(self.states.read())
        with self._held_still():
            record = self.take(record, checkpoint, origin)
        write_record(self.incus, record)
        self.sweep(record)

    @contextmanager
    def _held_still(self) -> Iterator[None]:
        """The running hosts do nothing, so that what is saved is of one instant."""
        running = self.states.running()
        try:
            self.instances.freeze(running)
            yield
        finally:
            self.instances.thaw(running)

    def begin_restore(
        self, record: Record, checkpoint: str, progress: Progress, keep_as: str
    ) -> None:
        """Note that the lab goes back to a checkpoint; `finish_restore` does it."""
        saved = record.find(checkpoint)
        if saved is None:
            raise unknown_checkpoint(checkpoint, record.names)
        self.states.ensure_there(self.states.read())
        self._ensure_snapshot(saved)
        for host in self.instances.names:
            progress(host, _("going back to {name}", name=checkpoint))
        self.instances.kill(self.instances.names)
        if keep_as:
            record = self.take(record, keep_as, "reset")
        # Written first: a labctl that is killed from here on is finished by the next command.
        write_record(self.incus, record.model_copy(update={"restoring": saved}))

    def _ensure_snapshot(self, saved: Saved) -> None:
        """Every host has the snapshot, or none is touched."""
        lack = self._snapshots.missing(saved.snapshot)
        if lack:
            hint = commands("labctl status", text=_("go back to another checkpoint"))
            raise incomplete_checkpoint(saved.name, saved.snapshot, lack, hint)

    def finish_restore(self, record: Record, saved: Saved) -> Record:
        """Put every host back and leave it stopped.

        A snapshot also brings back the limits and the network devices of its time; the lab's
        present ones are set again.
        """
        self.instances.kill(self.instances.names)
        self._snapshots.restore(saved.snapshot)
        self.instances.put_in_shape(self.shape_of(record))
        identities = read_identities(self.home)
        if saved.copied and identities is not None:
            write_own_files(self.incus, self.lab, self.home, identities)
        record = record.model_copy(update={"restoring": None, "layers": saved.layers})
        write_record(self.incus, record)
        return record

    def sizes(self) -> Mapping[str, int]:
        """Empty if the member with the hosts does not answer: the list is known without it."""
        try:
            return self._snapshots.sizes()
        except LabError:
            return {}

    def sweep(self, record: Record) -> None:
        self._snapshots.sweep(saved.snapshot for saved in record.checkpoints)
