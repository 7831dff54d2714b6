"""The layers of a lab's hosts, now and at each checkpoint.

A layer is a folder `layers/ID/HOST/upper`. The writable top of a running host is a layer from the
start, so saving or restoring a state only replaces one small file atomically. If labctl is killed,
the lab is in the state before or after. Only the top of a running lab is copied when it is saved.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from labctl.home import write_atomically
from labctl.providers.record import Frozen, LabRecord, SavedCheckpoint
from labctl.run import run
from labctl.state import read_kept
from labctl.trees import entries, remove_tree

# 2: the owners of the files are in the range of users.py.
VERSION = 2
# Files of a lab that are measured. Each takes some microseconds, and root of a host may make many.
MOST_FILES = 200_000


class Stack(Frozen):
    """Layers from the bottom up: cached image layers by key, then the lab's own by id."""

    image: tuple[str, ...]
    layers: tuple[str, ...] = ()


class Saved(SavedCheckpoint):
    """A checkpoint: the layers that it consists of."""

    stack: Stack


class Record(LabRecord[Saved]):
    """The contents of the file: the current stack, its writable layer, the checkpoints."""

    version: int = VERSION
    base: Stack
    top: str

    @property
    def current(self) -> Stack:
        """The stack including the writable layer, as a checkpoint would save it now."""
        return Stack(image=self.base.image, layers=(*self.base.layers, self.top))


@dataclass(frozen=True)
class Size:
    """Bytes on disk. There are more if not all files were measured."""

    used: int
    is_whole: bool = True


class LayerStore:
    """The layers and the record of one lab below `folder`, which has the name of the lab."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record_file = folder / "nspawn.json"

    def read(self) -> Record | None:
        """The record, or None if the lab was never created. Raises WrongState if unreadable."""
        return read_kept(self._record_file, Record, VERSION)

    def write(self, record: Record) -> None:
        write_atomically(self._record_file, record.model_dump_json(indent=1))
        self._collect(record)

    def new_layer(self, hosts: tuple[str, ...]) -> str:
        """Create an empty layer for every host. Returns its id."""
        layer = secrets.token_hex(4)
        for host in hosts:
            self.upper(layer, host).mkdir(parents=True)
            self.upper(layer, host).chmod(0o755)
        return layer

    def link_layer(self, source: LayerStore, layer: str) -> None:
        """Take a layer of another lab under the same id. The files themselves are shared.

        overlayfs never changes a file of a lower layer, and a layer that was saved is never a
        writable one. Both labs stay independent: a file goes with its last link.
        """
        folder = self.folder / "layers" / layer
        remove_tree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        # cp keeps what overlayfs needs: whiteouts and the trusted.overlay attributes.
        origin = source.folder / "layers" / layer
        run(["cp", "--archive", "--link", "--no-target-directory", str(origin), str(folder)])

    def drop_copies(self, layer: str, source: LayerStore, below: str, hosts: Iterable[str]) -> None:
        """Remove the files of a layer that are the same as in the layer `below` of another lab.

        A file that a program opens for writing is copied into the layer, even if nothing is
        written: systemd does that to /etc/machine-id. On another layer below, the copy would hide
        the file that is there now.
        """
        for host in hosts:
            original, own = source.upper(below, host), self.upper(layer, host)
            for path in original.rglob("*"):
                copy = own / path.relative_to(original)
                if (
                    path.is_symlink()
                    or copy.is_symlink()
                    or not (path.is_file() and copy.is_file())
                ):
                    continue
                if path.read_bytes() == copy.read_bytes():
                    copy.unlink()

    def upper(self, layer: str, host: str) -> Path:
        return self.folder / "layers" / layer / host / "upper"

    def work(self, layer: str, host: str) -> Path:
        return self.folder / "layers" / layer / host / "work"

    def size(self, layer: str) -> int:
        """Bytes on disk of a layer, for all hosts. A file that labs share counts by its share."""
        folder = self.folder / "layers" / layer
        return sum(_size(found) for _path, found in entries(folder))

    def size_of_all(self) -> Size:
        """Bytes on disk of all layers of the lab, as far as it has not too many files."""
        layers = (self.folder / "layers").glob("*")
        found = chain.from_iterable(map(entries, layers))
        used = sum(_size(each) for _path, each in islice(found, MOST_FILES))
        return Size(used, is_whole=next(found, None) is None)

    def _collect(self, record: Record) -> None:
        """Remove layers that neither the lab nor a checkpoint uses."""
        kept = {*record.current.layers}
        for saved in record.checkpoints:
            kept.update(saved.stack.layers)
        for folder in (self.folder / "layers").glob("*"):
            if folder.name not in kept:
                remove_tree(folder)


def _size(found: os.stat_result) -> int:
    links = 1 if stat.S_ISDIR(found.st_mode) else max(1, found.st_nlink)
    return found.st_blocks * 512 // links
