"""The folder Vagrant works in: the lab's own, with the Vagrantfile and what it shall make.

`cd` there and plain `vagrant ssh host1` works too.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from labctl import resources
from labctl.errors import WrongUsage
from labctl.home import LabHome, write_atomically
from labctl.i18n import _
from labctl.lab import Lab
from labctl.providers.vagrant.options import VagrantOptions

# Seconds until Vagrant gives up on a machine that boots; for slow computers.
BOOT_TIMEOUT = "LABCTL_BOOT_TIMEOUT"


def machine_title(lab: Lab, host: str) -> str:
    """The machine's name in VirtualBox's own window."""
    return f"labctl-{lab.name}-{host}"


def machines_folder(home: LabHome) -> Path:
    return home.state / "vagrant"


def write_folder(lab: Lab, options: VagrantOptions, home: LabHome) -> Path:
    """Writes the Vagrantfile and lab.json; returns the folder."""
    folder = machines_folder(home)
    vagrantfile = resources.vagrantfile().read_text(encoding="utf-8")
    write_atomically(folder / "Vagrantfile", vagrantfile)
    write_atomically(folder / "lab.json", json.dumps(machines(lab, options), indent=1) + "\n")
    return folder


def machines(lab: Lab, options: VagrantOptions) -> dict[str, object]:
    """What the Vagrantfile makes of a lab, as it reads it from lab.json.

    Raises WrongUsage where the environment says no number of seconds.
    """
    return {
        "name": lab.name,
        "netmask": str(lab.network.cidr.netmask),
        "box": options.box,
        "version": options.version,
        "memory": options.memory,
        "cpus": options.cpus,
        "boot_timeout": _boot_timeout(),
        "hosts": [
            {"name": host.name, "address": str(host.address), "fqdn": host.fqdn}
            for host in lab.hosts
        ],
    }


def _boot_timeout() -> int:
    text = os.environ.get(BOOT_TIMEOUT, "600")
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise WrongUsage(
            f"{BOOT_TIMEOUT}={text}", hint=_("a number of seconds: {name}=600", name=BOOT_TIMEOUT)
        )
    return int(text)


def made_machines(home: LabHome) -> set[str]:
    """The machines for which Vagrant keeps an id, whatever became of them."""
    found = machines_folder(home).glob(".vagrant/machines/*/*/id")
    return {path.parent.parent.name for path in found}
