"""The checkpoints of a lab on Vagrant: saving one, and going back to one.

A restore may fail or be interrupted on each machine. So the record says which machines are back,
and the next command brings the rest to its end.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from labctl.errors import LabError
from labctl.hint import commands
from labctl.home import LabHome
from labctl.i18n import _
from labctl.parallel import on_each
from labctl.progress import Progress
from labctl.providers.base import incomplete_checkpoint
from labctl.providers.record import now
from labctl.providers.vagrant import guest
from labctl.providers.vagrant.adapter import Vagrant
from labctl.providers.vagrant.connections import Connections
from labctl.providers.vagrant.machines import Machines
from labctl.providers.vagrant.record import Record, Saved, Unfinished, write_record


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one lab, whose hosts are called `names`."""

    names: tuple[str, ...]
    home: LabHome
    vagrant: Vagrant
    machines: Machines
    connections: Connections

    def save(self, record: Record, checkpoint: str, origin: str) -> None:
        """Take the snapshots of a checkpoint and note it."""
        snapshot = f"labctl-{checkpoint}-{secrets.token_hex(3)}"
        # A machine may one day boot from the snapshot's disk without its memory.
        silent_ones = self.connections.silent(record)
        endpoints = self.connections.endpoints(record)
        on_each([each for each in endpoints.values() if each.host not in silent_ones], guest.flush)
        # If labctl is killed meanwhile, the next save removes what this one left.
        write_record(self.home, record.with_stale(snapshot))
        try:
            on_each(self.names, lambda host: self.vagrant.save_snapshot(host, snapshot))
        except LabError:
            self.sweep(record.with_stale(snapshot))
            raise
        saved = Saved(name=checkpoint, created=now(), origin=origin, snapshot=snapshot)
        record = record.with_checkpoint(saved)
        write_record(self.home, record)
        self.sweep(record)

    def _delete(self, snapshot: str) -> bool:
        """Remove a snapshot from every machine. Returns False if one still has it.

        VirtualBox refuses while two later snapshots depend on it. Then labctl removes it later.
        """

        def delete(host: str) -> bool:
            try:
                if snapshot in self.vagrant.snapshots(host):
                    self.vagrant.delete_snapshot(host, snapshot)
            except LabError:
                return False
            return True

        return all(on_each(self.names, delete))

    def sweep(self, record: Record) -> None:
        """Remove the stale snapshots that the hypervisor lets go."""
        if record.stale:
            kept = tuple(name for name in reversed(record.stale) if not self._delete(name))
            write_record(self.home, record.model_copy(update={"stale": tuple(reversed(kept))}))

    def ensure_snapshot(self, saved: Saved) -> None:
        """Ensure that all machines have the snapshot before any of them changes."""
        self.machines.ensure_there()
        found = on_each(self.names, self.vagrant.snapshots)
        lack = [
            host
            for host, names in zip(self.names, found, strict=True)
            if saved.snapshot not in names
        ]
        if lack:
            hint = commands(
                "labctl destroy", "labctl up", text=_("use another checkpoint, or rebuild the lab")
            )
            raise incomplete_checkpoint(saved.name, saved.snapshot, lack, hint)

    def restore(self, record: Record, saved: Saved, progress: Progress) -> None:
        """Go back to a checkpoint that every machine has."""
        for host in self.names:
            progress(host, _("going back to {name}", name=saved.name))
        unfinished = Unfinished(snapshot=saved.snapshot)
        record = record.model_copy(update={"unfinished": unfinished})
        write_record(self.home, record)
        self.finish(record, progress)

    def finish(self, record: Record, progress: Progress) -> Record:
        """Bring a restore to its end, one that a failure or Ctrl-C interrupted too."""
        assert record.unfinished is not None
        record = self._put_back(record, record.unfinished)
        record = self.connections.with_addresses(record, self.vagrant.ssh_addresses())
        for host in self.names:
            progress(host, _("waiting for SSH"))
        self.connections.await_answers(record)
        self.connections.await_way_out(record)
        record = record.model_copy(update={"unfinished": None})
        write_record(self.home, record)
        return record

    def _put_back(self, record: Record, unfinished: Unfinished) -> Record:
        # A machine that was switched off since is put back once more: that also starts it.
        done = [host for host in unfinished.restored if self.connections.answers(record, host)]

        def back(host: str) -> None:
            self.machines.restore(host, unfinished.snapshot)
            done.append(host)

        try:
            on_each([host for host in self.names if host not in done], back)
        finally:
            reached = unfinished.model_copy(update={"restored": tuple(done)})
            record = record.model_copy(update={"unfinished": reached})
            write_record(self.home, record)
        return record
