"""What labctl asks libvirt itself, and its answers as virsh gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from labctl.errors import CommandFailed
from labctl.providers.vagrant import libvirt
from labctl.run import Completed
from tests.fakes.machine import OtherMachine

FOLDER = Path("/home/taro/lab/vagrant")
DISKS = """\
 Name                     Path
------------------------------------------------------------
 labctl-default-host1.img   /images/labctl-default-host1.img
 labctl-default-host2.img   /images/labctl-default-host2.img
 other.img                  /images/other.img

"""


class Virsh:
    """Stands for labctl.run."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = {
            "list --all --name": "labctl-default-host1\nother\n\n",
            "desc labctl-default-host1": f"Source: {FOLDER / 'Vagrantfile'}\n",
            "pool-list --name": "default\n\n",
            "vol-list default": DISKS,
        }
        self.refuses = ""

    def run(self, argv: Sequence[str], *, check: bool) -> Completed:
        assert list(argv[:3]) == ["virsh", "-c", "qemu:///system"]
        words = " ".join(argv[3:])
        self.asked.append(words)
        if words.startswith(self.refuses or "-") and check:
            raise CommandFailed("virsh", 1, "error: Requested operation is not valid")
        return Completed(tuple(argv), 0, self.answers.get(words, ""), "")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Virsh:
    found = Virsh()
    monkeypatch.setattr(libvirt, "run", found.run)
    monkeypatch.setattr(libvirt, "ThisMachine", lambda: OtherMachine(programs=("virsh",)))
    return found


WANTED = {"labctl-default-host1", "labctl-default-host2"}


def test_machines_are_found_by_their_name_and_their_vagrantfile(asked: Virsh) -> None:
    assert set(libvirt.machines_called(WANTED, FOLDER)) == {"labctl-default-host1"}
    assert libvirt.machines_called(WANTED, Path("/home/hanako/lab/vagrant")) == {}


def test_a_machine_is_stopped_and_removed_with_its_disks(asked: Virsh) -> None:
    libvirt.remove_machine("labctl-default-host1")
    assert asked.asked == [
        "destroy labctl-default-host1",
        "undefine labctl-default-host1 --managed-save --snapshots-metadata --remove-all-storage",
    ]
    asked.refuses = "undefine"
    with pytest.raises(CommandFailed):
        libvirt.remove_machine("labctl-default-host1")


def test_only_disks_of_machines_that_libvirt_does_not_have_are_removed(asked: Virsh) -> None:
    libvirt.make_room(WANTED)
    deleted = [each for each in asked.asked if each.startswith("vol-delete")]
    assert deleted == ["vol-delete labctl-default-host2.img --pool default"]


def test_without_virsh_nothing_is_asked(asked: Virsh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libvirt, "ThisMachine", lambda: OtherMachine(programs=()))
    assert libvirt.machines_called(WANTED, FOLDER) == {}
    libvirt.make_room(WANTED)
    assert asked.asked == []
