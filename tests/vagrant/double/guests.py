"""The two kinds of guests that a machine of the test double can have.

A box with a disk image boots a kernel under QEMU. A box with a folder tree starts as a container in
two seconds: for the tests in which Vagrant and VBoxManage matter and the guest's kernel does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tests.vagrant.double import container, qemu
from tests.vagrant.double.registry import Vm

CONTAINER, QEMU = "container", "qemu"


class Guest(Protocol):
    """What a machine of the test double can do; `vm.pid` follows."""

    def fill(self, box: Path) -> None:
        """Give a new machine the box's disk."""

    def clone(self, master: Vm) -> None:
        """Give a new machine a disk on top of its master's."""

    def running(self) -> bool:
        """Whether the machine's own process lives, not another one that got its number."""

    def start(self, resume_from: str) -> None:
        """Start the machine, from the memory of a snapshot if one is named."""

    def stop(self) -> None:
        """Cut the power."""

    def pause(self, on: bool) -> None:
        """Stop or continue the machine's processor."""

    def save(self, key: str) -> None:
        """Take a snapshot, with the memory if the machine runs."""

    def restore(self, key: str) -> None:
        """Put the disk back; the machine does not run."""

    def forget(self, key: str) -> None:
        """Remove a snapshot."""


def kind_of(box: Path) -> str:
    """The kind of guest for an unpacked box."""
    return QEMU if (box / qemu.DISK).exists() else CONTAINER


def guest(vm: Vm) -> Guest:
    """The guest of a machine."""
    return qemu.Qemu(vm) if vm.kind == QEMU else container.Container(vm)
