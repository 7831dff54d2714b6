"""Operations that use VirtualBox directly, because Vagrant does not support them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath

from labctl.machine import Machine, ThisMachine
from labctl.run import run
from labctl.waiting import wait_until

_MACHINE = re.compile(r'^"(?P<name>.+)" \{(?P<uuid>[0-9a-f-]+)\}$', re.MULTILINE)
_FOLDER = re.compile(r"^Default machine folder:(?P<folder>.+)$", re.MULTILINE)
# VirtualBox 7 translates the label. The folder is the first path among the properties.
_FIRST_PATH = re.compile(r"^[^:：\n]+[:：]\s*(?P<folder>(?:/|\\\\|[A-Za-z]:\\).*)$", re.MULTILINE)
# How long VirtualBox may hold a machine after its power was cut.
UNLOCK_SECONDS = 20.0


def vboxmanage(machine: Machine | None = None) -> str | None:
    """The path of the VBoxManage that Vagrant uses; None if VirtualBox is not installed."""
    return next(iter(installed(machine or ThisMachine())), None)


def installed(machine: Machine) -> list[str]:
    """Each VBoxManage of the machine, the one that Vagrant uses first.

    On Windows, Vagrant prefers VirtualBox's usual folders to PATH, and PATH to the folders that
    VirtualBox's installer names.

    Source: Vagrant 2.3.4 to 2.4.9, plugins/providers/virtualbox/driver/base.rb.
    """
    on_path = machine.program("VBoxManage")
    if machine.system != "win32":
        return [on_path] if on_path is not None else []
    drive = machine.environment("SYSTEMDRIVE") or "C:"
    usual = [f"{drive}/Program Files", f"{drive}/Program Files (x86)"]
    usual += [each for each in (machine.environment("PROGRAMFILES"),) if each]
    named = machine.environment("VBOX_INSTALL_PATH") or machine.environment("VBOX_MSI_INSTALL_PATH")
    paths = [
        *_existing(machine, (f"{each}/Oracle/VirtualBox" for each in usual)),
        *([PureWindowsPath(on_path)] if on_path is not None else []),
        *_existing(machine, named.split(";")),
    ]
    # Windows does not tell small letters from capital ones.
    return [str(path) for path in dict.fromkeys(paths)]


def _existing(machine: Machine, folders: Iterable[str]) -> list[PureWindowsPath]:
    paths = [PureWindowsPath(folder) / "VBoxManage.exe" for folder in folders if folder]
    return [path for path in paths if machine.exists(str(path))]


def machines_called(titles: set[str], _folder: Path | None = None, /) -> dict[str, str]:
    """The UUIDs of the registered machines with one of these names, by name."""
    program = vboxmanage()
    if program is None:
        return {}
    listing = run([program, "list", "vms"], check=False).stdout
    return {
        match["name"]: match["uuid"]
        for match in _MACHINE.finditer(listing)
        if match["name"] in titles
    }


def remove_machine(uuid: str, /) -> None:
    """Stop a machine and remove it with its disks.

    VirtualBox holds a machine for some seconds after its power was cut, so this tries again.

    Raises:
        CommandFailed: The machine cannot be removed.
    """
    program = vboxmanage() or "VBoxManage"
    cut_power(uuid)
    wait_until(UNLOCK_SECONDS, lambda: run([program, "unregistervm", uuid, "--delete"]).ok, every=1)


def cut_power(uuid: str, /) -> None:
    """Cut the power of a machine; nothing happens if it is off."""
    run([vboxmanage() or "VBoxManage", "controlvm", uuid, "poweroff"], check=False)


def discard_state(uuid: str, /) -> None:
    """Remove a machine's saved memory, so that it boots from its disk."""
    wait_until(
        UNLOCK_SECONDS,
        lambda: run([vboxmanage() or "VBoxManage", "discardstate", uuid]).ok,
        every=1,
    )


def machine_folder(machine: Machine) -> str:
    """The folder in which VirtualBox makes machines; "" if it does not tell."""
    program = vboxmanage(machine)
    said = machine.ask(program, "list", "systemproperties") if program else ""
    place = _FOLDER.search(said) or _FIRST_PATH.search(said)
    return place["folder"].strip() if place else ""


def make_room(titles: set[str], /) -> None:
    """Remove the folders of machines with these names that VirtualBox does not have any more.

    VirtualBox refuses to make a machine whose folder exists.
    """
    folder = machine_folder(ThisMachine())
    if not folder:
        return
    for title in titles - set(machines_called(titles)):
        shutil.rmtree(Path(folder) / title, ignore_errors=True)
