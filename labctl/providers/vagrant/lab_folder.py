"""The lab's Vagrant folder with the Vagrantfile and its data.

After `cd` there, plain `vagrant ssh host1` works too.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from pathlib import Path

from labctl import resources
from labctl.errors import WrongUsage
from labctl.home import LabHome, write_atomically
from labctl.i18n import _
from labctl.lab import Lab
from labctl.machine import Machine as LocalMachine
from labctl.machine import ThisMachine
from labctl.providers.vagrant.options import VagrantOptions

# 500 blocks of ports from 20000 on.
_FIRST_PORT, _PORT_BLOCKS, _PORTS = 20000, 500, 20
# Seconds until Vagrant gives up on a machine that boots; for slow computers.
BOOT_TIMEOUT = "LABCTL_BOOT_TIMEOUT"


def machine_title(lab: Lab, host: str) -> str:
    """The machine's name in VirtualBox's own window."""
    return f"labctl-{lab.name}-{host}"


def machines_folder(home: LabHome) -> Path:
    return home.state / "vagrant"


def ports(lab_name: str) -> range:
    """The ports of this machine that belong to a lab, by its name.

    Every host's SSH is forwarded from one of them. They are far from Vagrant's own 2222 to 2250,
    which other projects take, and below those that systems give to outgoing connections.
    """
    first = _FIRST_PORT + zlib.crc32(lab_name.encode()) % _PORT_BLOCKS * _PORTS
    return range(first, first + _PORTS)


def release_ports(lab_name: str) -> None:
    """Remove what a killed Vagrant left of its claims on the lab's ports.

    Vagrant claims a port by a file for the moment before the machine listens there.
    """
    folder = boxes_folder(ThisMachine()) / "data" / "fp-leases"
    for port in ports(lab_name):
        (folder / f"127_0_0_1_{port}").unlink(missing_ok=True)


def boxes_folder(machine: LocalMachine) -> Path:
    """The folder in which Vagrant keeps its boxes and data."""
    chosen = machine.environment("VAGRANT_HOME")
    return Path(chosen) if chosen else machine.home / ".vagrant.d"


def box_architecture(machine: LocalMachine) -> str:
    """Vagrant's name for the processor itself, whatever this Python was built for."""
    if (
        machine.system == "darwin"
        and machine.ask("sysctl", "-n", "hw.optional.arm64").strip() == "1"
    ):
        return "arm64"
    if machine.system == "win32" and _is_arm_windows(machine):
        return "arm64"
    # Windows tells a 32-bit program the truth here only.
    native = machine.environment("PROCESSOR_ARCHITEW6432") if machine.system == "win32" else ""
    name = native.lower() or machine.architecture
    return {"x86_64": "amd64"}.get(name, name)


def _is_arm_windows(machine: LocalMachine) -> bool:
    """Windows for ARM runs programs for Intel and shows them an Intel machine, except here."""
    return machine.environment("PROCESSOR_IDENTIFIER").startswith("ARM")


def write_folder(lab: Lab, options: VagrantOptions, home: LabHome) -> Path:
    """Write the Vagrantfile and lab.json; returns the folder."""
    folder = machines_folder(home)
    made = machines(lab, options, emulated=is_emulated(home))
    vagrantfile = resources.shipped("Vagrantfile").read_text(encoding="utf-8")
    write_atomically(folder / "Vagrantfile", vagrantfile)
    write_atomically(folder / "lab.json", json.dumps(made, indent=1) + "\n")
    return folder


def is_emulated(home: LabHome) -> bool:
    """Whether the lab's machines under libvirt do without KVM, because it ran none of them."""
    return _emulation_mark(home).exists()


def emulate(home: LabHome) -> None:
    """Let the lab's machines under libvirt do without KVM from now on."""
    write_atomically(_emulation_mark(home), "")


def _emulation_mark(home: LabHome) -> Path:
    return machines_folder(home) / "emulated"


def machines(lab: Lab, options: VagrantOptions, *, emulated: bool = False) -> dict[str, object]:
    """The data of the machines that the Vagrantfile reads from lab.json.

    Raises WrongUsage if the environment does not give a number of seconds.
    """
    own = ports(lab.name)
    return {
        "name": lab.name,
        "net": options.net,
        "bridge": options.bridge,
        "architecture": box_architecture(ThisMachine()),
        "emulated": emulated,
        "ports": [own.start, own[-1]],
        "netmask": str(lab.network.cidr.netmask),
        "box": options.box,
        "version": options.version,
        "memory": options.memory,
        "cpus": options.cpus,
        "boot_timeout": _boot_timeout(),
        "hosts": [
            {
                "name": host.name,
                "address": str(host.address),
                "fqdn": host.fqdn,
                "port": own[number],
            }
            for number, host in enumerate(lab.hosts)
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
    """The machines for which Vagrant keeps an id, whether they still exist or not."""
    found = machines_folder(home).glob(".vagrant/machines/*/*/id")
    return {path.parent.parent.name for path in found}
