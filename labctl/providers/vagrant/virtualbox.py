"""VirtualBox's own word where Vagrant's is not enough: is it there, and what did it keep?"""

from __future__ import annotations

import re
from pathlib import PureWindowsPath

from labctl.machine import Machine, ThisMachine
from labctl.run import run

_MACHINE = re.compile(r'^"(?P<name>.+)" \{(?P<uuid>[0-9a-f-]+)\}$', re.MULTILINE)


def vboxmanage(machine: Machine | None = None) -> str | None:
    """Path of VBoxManage, found as Vagrant finds it: on PATH, then where Windows installs it."""
    machine = machine or ThisMachine()
    found = machine.program("VBoxManage")
    if found is not None or machine.system != "win32":
        return found
    programs = machine.environment("PROGRAMFILES") or "C:/Program Files"
    folders = [
        *machine.environment("VBOX_MSI_INSTALL_PATH").split(";"),
        *machine.environment("VBOX_INSTALL_PATH").split(";"),
        f"{programs}/Oracle/VirtualBox",
    ]
    candidates = (str(PureWindowsPath(folder) / "VBoxManage.exe") for folder in folders if folder)
    return next((path for path in candidates if machine.exists(path)), None)


def machines_called(titles: set[str]) -> dict[str, str]:
    """Name to UUID of the registered machines with one of these names."""
    program = vboxmanage()
    if program is None:
        return {}
    listing = run([program, "list", "vms"], check=False).stdout
    return {
        match["name"]: match["uuid"]
        for match in _MACHINE.finditer(listing)
        if match["name"] in titles
    }


def remove_machine(uuid: str) -> None:
    """Stops a machine and removes it with its disks; raises CommandFailed where it can't."""
    program = vboxmanage() or "VBoxManage"
    run([program, "controlvm", uuid, "poweroff"], check=False)
    run([program, "unregistervm", uuid, "--delete"])
