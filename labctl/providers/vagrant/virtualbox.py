"""VirtualBox's own word where Vagrant's is not enough: is it there, and what did it keep?"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from labctl.run import run

_MACHINE = re.compile(r'^"(?P<name>.+)" \{(?P<uuid>[0-9a-f-]+)\}$', re.MULTILINE)


def vboxmanage() -> str | None:
    """Path of VBoxManage, found as Vagrant finds it: on PATH, then where Windows installs it."""
    found = shutil.which("VBoxManage")
    if found is not None or sys.platform != "win32":
        return found
    folders = [
        *os.environ.get("VBOX_MSI_INSTALL_PATH", "").split(";"),
        *os.environ.get("VBOX_INSTALL_PATH", "").split(";"),
        str(Path(os.environ.get("PROGRAMFILES", "C:/Program Files")) / "Oracle" / "VirtualBox"),
    ]
    candidates = (Path(folder) / "VBoxManage.exe" for folder in folders if folder)
    return next((str(path) for path in candidates if path.is_file()), None)


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
