"""Whether the folders of Vagrant, VirtualBox and labctl have room and names that Vagrant reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labctl.health import Diagnosis, found, lacking, unknown, warning
from labctl.hint import Command, Hint, commands
from labctl.home import STATE_VARIABLE
from labctl.i18n import N_, _
from labctl.machine import Machine
from labctl.providers.vagrant.lab_folder import boxes_folder
from labctl.providers.vagrant.virtualbox import machine_folder, vboxmanage

_GIB = 1024**3
_BOX_BYTES = 3 * _GIB
_HOST_BYTES = 3 * _GIB // 2
_VMS = r"C:\VirtualBoxVMs"
_SAME = _GIB // 16
# Each snapshot of a running machine holds its memory, compressed to about a half. There is one for
# each of four steps and of three resets.
_SNAPSHOTS = 7


@dataclass(frozen=True)
class Place:
    """Where a hypervisor has the machines' disks, and what to do if there is too little room."""

    folder: Callable[[Machine], Path]
    mend: str


def virtualbox_folder(machine: Machine) -> Path:
    """Where VirtualBox keeps the machines of this user."""
    return Path(machine_folder(machine) or machine.home)


VIRTUALBOX = Place(
    virtualbox_folder,
    N_("free some space, or set VAGRANT_HOME and VirtualBox's folder to a larger disk"),
)
# The folder of libvirt's storage pool `default`.
LIBVIRT = Place(
    lambda _machine: Path("/var/lib/libvirt/images"),
    N_("free some space, or set VAGRANT_HOME to a larger disk"),
)


def snapshot_enough(hosts: int, memory: int, place: Place, machine: Machine) -> Diagnosis:
    """Room for one more snapshot of a lab whose machines exist, as each reset makes one."""
    machines = place.folder(machine)
    free, need = machine.free_disk(machines), hosts * memory * 1024**2 // 2
    if not free:
        return unknown("disk", _("how much space is free in {folder}", folder=machines))
    if free < need:
        why = _("a snapshot of the machines needs {need:.1f} GiB", need=need / _GIB)
        return lacking("disk", _free(free, machines), why, _("free some space"))
    return found("disk", _free(free, machines))


def disk_enough(hosts: int, memory: int, place: Place, machine: Machine) -> Diagnosis:
    """Room for the box, the machines' disks and snapshots; `memory` is one machine's, in MiB."""
    boxes, machines = boxes_folder(machine), place.folder(machine)
    snapshots = hosts * _SNAPSHOTS * memory * 1024**2 // 2
    free = {folder: machine.free_disk(folder) for folder in (boxes, machines)}
    if not all(free.values()):
        return unknown("disk", _("how much space is free in {folder}", folder=boxes))
    need = {boxes: _BOX_BYTES, machines: hosts * _HOST_BYTES}
    if abs(free[boxes] - free[machines]) < _SAME:
        # The same disk, as far as one can tell: other programs write to it meanwhile.
        need = {machines: _BOX_BYTES + hosts * _HOST_BYTES}
    for folder, wanted in need.items():
        if free[folder] < wanted:
            why = _("the box and the machines need {need:.1f} GiB", need=wanted / _GIB)
            return lacking("disk", _free(free[folder], folder), why, _(place.mend))
    text, wanted = _free(free[machines], machines), need[machines] + snapshots
    if free[machines] < wanted:
        why = _("with their snapshots they need {need:.1f} GiB", need=wanted / _GIB)
        return warning("disk", text, why, _(place.mend))
    return found("disk", text)


def _free(free: int, folder: Path) -> str:
    return _("{free:.1f} GiB free in {folder}", free=free / _GIB, folder=folder)


@dataclass(frozen=True)
class Used:
    """A folder, and the command that chooses another one on Windows."""

    folder: str
    choice: Command


def used_folders(machine: Machine) -> tuple[Used, ...]:
    """The folders of Vagrant, of labctl and of VirtualBox's machines."""
    program = vboxmanage(machine) or "VBoxManage"
    return (
        Used(
            str(boxes_folder(machine)),
            ("setx", "VAGRANT_HOME", r"C:\vagrant"),
        ),
        Used(
            machine.environment(STATE_VARIABLE) or str(machine.home),
            ("setx", STATE_VARIABLE, r"C:\labctl"),
        ),
        Used(
            str(virtualbox_folder(machine)),
            (program, "setproperty", "machinefolder", _VMS),
        ),
    )


def choices(wrong: Sequence[Used]) -> Hint:
    """The commands that choose other folders on Windows."""
    return commands(*(each.choice for each in wrong), text=_("run this, then open a new window"))


def folders_readable(machine: Machine) -> Diagnosis:
    """Vagrant on Windows fails in folders with letters outside ASCII, as of a user named 太郎."""
    boxes = boxes_folder(machine)
    if machine.system != "win32":
        return found("home", _("Vagrant stores its boxes in {folder}", folder=boxes))
    wrong = [each for each in used_folders(machine) if not each.folder.isascii()]
    if not wrong and (name := _foreign_name(machine)):
        return warning(
            "home",
            _("VirtualBox has a machine with the name {name}", name=name),
            _("Vagrant on Windows cannot read names with characters outside ASCII"),
            _("rename the machine in VirtualBox"),
        )
    if not wrong:
        return found("home", _("Vagrant stores its boxes in {folder}", folder=boxes))
    return lacking(
        "home",
        _("the folder {folder} has characters outside ASCII", folder=wrong[0].folder),
        _("Vagrant on Windows cannot work there"),
        choices(wrong),
    )


def _foreign_name(machine: Machine) -> str:
    """The first machine of VirtualBox with characters outside ASCII in its name; "" if none."""
    program = vboxmanage(machine)
    said = machine.ask(program, "list", "vms") if program else ""
    names = re.findall(r'^"(.+)" \{', said, re.MULTILINE)
    return next((name for name in names if not name.isascii()), "")
