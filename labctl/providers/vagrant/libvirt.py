"""Operations that use libvirt directly, because Vagrant does not support them.

libvirt's machines and disks belong to the whole computer, so a machine is the lab's only if its
description names the lab's Vagrantfile, as vagrant-libvirt writes it.
"""

from __future__ import annotations

from pathlib import Path

from labctl.machine import ThisMachine
from labctl.run import Completed, run

URI = "qemu:///system"


def machines_called(titles: set[str], folder: Path, /) -> dict[str, str]:
    """The machines with one of these names that were made in a Vagrant folder; name to name."""
    return {name: name for name in titles & _machines() if _is_of(name, folder)}


def remove_machine(name: str, /) -> None:
    """Stop a machine and remove it with its snapshots and disks.

    Raises:
        CommandFailed: The machine cannot be removed.
    """
    _virsh("destroy", name)
    # What is not there is no error of these options.
    options = ("--managed-save", "--snapshots-metadata", "--remove-all-storage")
    _virsh("undefine", name, *options, check=True)


def cut_power(_name: str, /) -> None:
    """Do nothing: Vagrant itself cuts the power of libvirt's machines in every state."""


def discard_state(_name: str, /) -> None:
    """Do nothing: Vagrant itself discards memory that libvirt cannot read."""


def make_room(titles: set[str], /) -> None:
    """Remove the disks with the names of these machines, if no such machine exists.

    An interrupted Vagrant leaves them. vagrant-libvirt then refuses to make the machine.
    """
    files = {f"{title}.img" for title in titles - _machines()}
    for pool in _virsh("pool-list", "--name").stdout.split():
        for name in files & _disks(pool):
            _virsh("vol-delete", name, "--pool", pool)


def _machines() -> set[str]:
    return set(_virsh("list", "--all", "--name").stdout.split())


def _is_of(name: str, folder: Path) -> bool:
    return str(folder / "Vagrantfile") in _virsh("desc", name).stdout


def _disks(pool: str) -> set[str]:
    """The names in a table with two lines of headings."""
    lines = _virsh("vol-list", pool).stdout.splitlines()[2:]
    return {line.split()[0] for line in lines if line.strip()}


def _virsh(*words: str, check: bool = False) -> Completed:
    argv = ("virsh", "-c", URI, *words)
    if ThisMachine().program("virsh") is None:
        return Completed(argv, 127, "", "")
    return run(argv, check=check)
