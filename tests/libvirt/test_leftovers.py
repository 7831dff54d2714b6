"""What an interrupted Vagrant leaves in libvirt, and what labctl removes of it. Nothing boots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.home import lab_home
from labctl.lab import Lab, LabFile, load_edition
from labctl.providers.vagrant import VagrantProvider
from labctl.providers.vagrant.lab_folder import machines_folder
from labctl.providers.vagrant.machines import Machines
from labctl.run import run

LAB = Lab(
    name="leftovers",
    edition=load_edition("ubuntu-example"),
    choices=LabFile.model_validate({"hypervisor": "libvirt", "memory": 512}),
)
TITLE = "labctl-leftovers-host1"
POOL = "leftovers"
MACHINE = """
<domain type='qemu'>
  <name>{name}</name>
  <description>Source: {folder}/Vagrantfile</description>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <source file='{disk}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
  </devices>
</domain>
"""


def virsh(*words: str) -> str:
    return run(["virsh", "-c", "qemu:///system", *words]).stdout


def disks() -> str:
    return virsh("vol-list", POOL)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The disk of a machine in a storage pool, without the machine."""
    virsh("pool-create-as", POOL, "dir", "--target", str(tmp_path))
    virsh("vol-create-as", POOL, f"{TITLE}.img", "1M")
    yield tmp_path / f"{TITLE}.img"
    virsh("pool-destroy", POOL)


def define(disk: Path, folder: Path) -> None:
    file = disk.with_name("machine.xml")
    file.write_text(MACHINE.format(name=TITLE, folder=folder, disk=disk), encoding="utf-8")
    virsh("define", str(file))


def machines() -> Machines:
    return VagrantProvider(LAB, lab_home(LAB.name))._machines


def test_a_disk_without_a_machine_does_not_prevent_the_next_up(disk: Path) -> None:
    virsh("vol-create-as", POOL, "other.img", "1M")
    machines().make_room()
    assert TITLE not in disks()
    assert "other.img" in disks()


def test_a_machine_of_which_vagrant_has_no_id_is_removed_with_its_disk(disk: Path) -> None:
    define(disk, machines_folder(lab_home(LAB.name)))
    assert machines().exist()
    machines().remove()
    assert TITLE not in virsh("list", "--all", "--name")
    assert TITLE not in disks()


def test_a_machine_of_another_user_with_the_same_name_stays(disk: Path) -> None:
    define(disk, Path("/home/hanako/.local/state/labctl/labs/leftovers/vagrant"))
    try:
        assert not machines().exist()
        machines().remove()
        assert TITLE in virsh("list", "--all", "--name")
        assert TITLE in disks()
    finally:
        virsh("undefine", TITLE)
