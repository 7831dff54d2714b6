"""labctl's data about a lab's Vagrant machines, in one file that is written atomically.

A checkpoint is a snapshot with the same name on every machine. It is in the book only if all
machines have it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from labctl.home import LabHome, write_atomically
from labctl.state import read_kept

VERSION = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Saved(_Frozen):
    name: str
    created: str
    origin: str
    snapshot: str


class Machine(_Frozen):
    """The last SSH address of a host, and its public keys from the first boot."""

    address: str
    port: int
    host_keys: tuple[str, ...]

    def known_hosts(self) -> str:
        """Lines for a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
        name = self.address if self.port == 22 else f"[{self.address}]:{self.port}"
        return "".join(f"{name} {key}\n" for key in self.host_keys)


class Unfinished(_Frozen):
    """A restore in progress: its snapshot, and the machines that are already restored.

    It is complete when the clock and the filter of every host are set.
    """

    snapshot: str
    restored: tuple[str, ...] = ()


class Book(_Frozen):
    """The whole file.

    `stale` are snapshots to delete as soon as the hypervisor allows it. `unfinished` is a restore
    that did not come to its end.
    """

    version: int = VERSION
    hypervisor: str
    machines: dict[str, Machine] = {}
    resolvers: tuple[str, ...] = ()
    net_open: bool = True
    checkpoints: tuple[Saved, ...] = ()
    stale: tuple[str, ...] = ()
    unfinished: Unfinished | None = None

    def find(self, name: str) -> Saved | None:
        return next((saved for saved in self.checkpoints if saved.name == name), None)

    def with_checkpoint(self, saved: Saved) -> Book:
        book = self.without_checkpoint(saved.name)
        return book.model_copy(update={"checkpoints": (*book.checkpoints, saved)})

    def without_checkpoint(self, name: str) -> Book:
        old = self.find(name)
        if old is None:
            return self
        others = tuple(saved for saved in self.checkpoints if saved is not old)
        return self.with_stale(old.snapshot).model_copy(update={"checkpoints": others})

    def with_stale(self, snapshot: str) -> Book:
        """The book with one more snapshot to delete."""
        return self.model_copy(update={"stale": (*self.stale, snapshot)})


def _file(home: LabHome) -> Path:
    return home.state / "vagrant.json"


def read_book(home: LabHome) -> Book | None:
    """The book, or None if the lab was never made. Raises WrongState if it cannot be read."""
    return read_kept(_file(home), Book, VERSION, home.name)


def write_book(home: LabHome, book: Book) -> None:
    """Write the book, and the known_hosts file that follows from it."""
    pinned = "".join(machine.known_hosts() for machine in book.machines.values())
    write_atomically(home.known_hosts, pinned)
    write_atomically(_file(home), book.model_dump_json(indent=1))


def now() -> str:
    """The time, ISO 8601 with offset, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
