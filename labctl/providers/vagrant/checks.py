"""What this machine needs so that Vagrant can make the lab's hosts."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

from labctl.diagnosis import Diagnosis, found, lacking, unknown, warning
from labctl.hint import Command, Hint
from labctl.i18n import _
from labctl.lab import Lab
from labctl.machine import Machine
from labctl.providers.checks import Check
from labctl.providers.vagrant.hypervisor import home_folder, virtualization
from labctl.providers.vagrant.options import VagrantOptions
from labctl.providers.vagrant.virtualbox import vboxmanage

VAGRANT_PAGE = "https://developer.hashicorp.com/vagrant/install"
VIRTUALBOX_PAGE = "https://www.virtualbox.org/wiki/Downloads"
# The first Vagrant that knows a VirtualBox series (Vagrant's CHANGELOG).
_FIRST_VAGRANT: dict[tuple[int, ...], tuple[int, ...]] = {
    (7, 0): (2, 3, 2),
    (7, 1): (2, 4, 2),
    (7, 2): (2, 4, 9),
}
_OLDEST_VIRTUALBOX = (6, 1)
# VirtualBox allows this range for host-only networks unless networks.conf says otherwise.
_ALLOWED = IPv4Network("192.168.56.0/21")
_NETWORKS_CONF = "/etc/vbox/networks.conf"
_BOX_BYTES = 3 * 1024**3
_HOST_BYTES = 3 * 1024**3 // 2

# How each system installs it; the others get the page.
_INSTALL_VAGRANT: dict[str, Command] = {
    "debian": ("sudo", "apt", "install", "vagrant"),
    "darwin": ("brew", "install", "hashicorp/tap/hashicorp-vagrant"),
    "win32": ("winget", "install", "Hashicorp.Vagrant"),
}
_INSTALL_VIRTUALBOX: dict[str, Command] = {
    "ubuntu": ("sudo", "apt", "install", "virtualbox"),
    "darwin": ("brew", "install", "--cask", "virtualbox"),
    "win32": ("winget", "install", "Oracle.VirtualBox"),
}
_LINUX_PAGE = "https://www.virtualbox.org/wiki/Linux_Downloads"


def checks(lab: Lab, options: VagrantOptions, hypervisor: str) -> tuple[Check, ...]:
    """The checks for that hypervisor, in the order in which to mend what is lacking."""
    if hypervisor != "virtualbox":
        return (
            Check("vagrant", vagrant_there),
            Check("disk", partial(disk_enough, lab)),
            Check("memory", partial(memory_enough, len(lab.hosts), options.memory), quick=False),
        )
    return (
        Check("virtualbox", virtualbox_there),
        Check("vagrant", vagrant_there),
        Check("fit", they_fit),
        Check("range-allowed", partial(range_allowed, lab)),
        Check("disk", partial(disk_enough, lab)),
        Check("range-free", partial(range_free, lab), quick=False),
        Check("memory", partial(memory_enough, len(lab.hosts), options.memory), quick=False),
        Check("virtualization", virtualization, quick=False),
        Check("home", home_folder, quick=False),
    )


def _install(table: dict[str, Command], machine: Machine, page: str) -> Hint:
    command = table.get(machine.distribution or machine.system)
    return Hint(commands=(command,)) if command is not None else Hint(page)


def _version(text: str) -> tuple[int, ...]:
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def virtualbox_there(machine: Machine) -> Diagnosis:
    program = vboxmanage(machine)
    why = _("it runs the lab's machines")
    if program is None:
        page = _LINUX_PAGE if machine.system == "linux" else VIRTUALBOX_PAGE
        mend = _install(_INSTALL_VIRTUALBOX, machine, page)
        return lacking("virtualbox", _("VirtualBox is not installed"), why, mend)
    said = machine.ask(program, "--version")
    version = _version(said)
    if "kernel module is not loaded" in said or not version:
        mend = Hint(VIRTUALBOX_PAGE)
        if machine.system == "linux":
            mend = Hint(commands=(("sudo", "/sbin/vboxconfig"),))
        return lacking("virtualbox", _("VirtualBox is installed but does not start"), why, mend)
    if version < _OLDEST_VIRTUALBOX:
        text = _("VirtualBox {version} is too old", version=_dotted(version))
        return lacking("virtualbox", text, why, VIRTUALBOX_PAGE)
    return found("virtualbox", f"VirtualBox {_dotted(version)}")


def vagrant_there(machine: Machine) -> Diagnosis:
    program = machine.program("vagrant")
    if program is None:
        return lacking(
            "vagrant",
            _("Vagrant is not installed"),
            _("it tells VirtualBox which machines to make"),
            _install(_INSTALL_VAGRANT, machine, VAGRANT_PAGE),
        )
    return found("vagrant", f"Vagrant {_dotted(_version(machine.ask(program, '--version')))}")


def they_fit(machine: Machine) -> Diagnosis:
    """VirtualBox 7.2 needs Vagrant 2.4.9 or newer, and so on."""
    virtualbox, vagrant = vboxmanage(machine), machine.program("vagrant")
    box = _version(machine.ask(virtualbox, "--version")) if virtualbox is not None else ()
    have = _version(machine.ask(vagrant, "--version")) if vagrant is not None else ()
    if not box or not have:
        return unknown(
            "fit", _("whether VirtualBox and Vagrant fit: one does not tell its version")
        )
    newest = max(_FIRST_VAGRANT)
    need = _FIRST_VAGRANT.get(box[:2])
    both = _(
        "VirtualBox {virtualbox} and Vagrant {vagrant}",
        virtualbox=_dotted(box),
        vagrant=_dotted(have),
    )
    if need is None and box[:2] > newest:
        why = _("no Vagrant was known to work with it when this labctl was made")
        return warning("fit", both, why, VAGRANT_PAGE)
    if need is not None and have < need:
        why = _(
            "this VirtualBox needs Vagrant {version} or newer; Vagrant refuses it otherwise",
            version=_dotted(need),
        )
        return lacking("fit", both, why, VAGRANT_PAGE)
    return found("fit", both)


def range_allowed(lab: Lab, machine: Machine) -> Diagnosis:
    network = lab.network.cidr
    text = machine.read(_NETWORKS_CONF) if machine.system != "win32" else None
    allowed = [_ALLOWED] if text is None else _networks(text)
    if any(network.subnet_of(each) for each in allowed):
        return found("range-allowed", _("VirtualBox allows {network}", network=network))
    return lacking(
        "range-allowed",
        _("VirtualBox does not allow the host-only range {network}", network=network),
        _("the hosts' addresses are fixed by the textbook"),
        _allow(network),
    )


def _allow(network: IPv4Network) -> Hint:
    folder = _NETWORKS_CONF.rpartition("/")[0]
    script = f'mkdir -p {folder} && echo "* {network}" >>{_NETWORKS_CONF}'
    return Hint(commands=(("sudo", "sh", "-c", script),))


def _networks(text: str) -> list[IPv4Network]:
    """The IPv4 ranges of networks.conf: lines that begin with a star."""
    found = []
    for line in text.splitlines():
        if line.strip().startswith("*"):
            for word in line.strip().lstrip("*").split():
                # IPv6 ranges, and what is none at all.
                with suppress(ValueError):
                    found.append(IPv4Network(word, strict=False))
    return found


def range_free(lab: Lab, machine: Machine) -> Diagnosis:
    network = lab.network.cidr
    program = vboxmanage(machine)
    own = machine.ask(program, "list", "hostonlyifs") if program else ""
    for name, interface in machine.addresses():
        if interface.network.overlaps(network) and not _is_virtualbox(name, interface, own):
            return lacking(
                "range-free",
                _("{interface} already has {address}", interface=name, address=interface),
                _("the hosts' addresses would be ambiguous"),
                _("stop what uses {network} (another lab, a VPN)", network=network),
            )
    return found("range-free", _("{network} is free", network=network))


def _is_virtualbox(name: str, interface: object, hostonlyifs: str) -> bool:
    address = str(getattr(interface, "ip", ""))
    if re.search(rf"^IPAddress:\s+{re.escape(address)}$", hostonlyifs, re.MULTILINE):
        return True
    # macOS names its host-only networks otherwise, and shows them as bridges.
    return name.startswith(("vboxnet", "VirtualBox", "bridge10"))


def disk_enough(lab: Lab, machine: Machine) -> Diagnosis:
    need = _BOX_BYTES + _HOST_BYTES * len(lab.hosts)
    folder = Path(machine.environment("VAGRANT_HOME") or machine.home)
    free = machine.free_disk(folder)
    text = _("{free:.1f} GiB free in {folder}", free=free / 1024**3, folder=folder)
    if free >= need:
        return found("disk", text)
    return lacking(
        "disk",
        text,
        _("the box and the machines need {need:.1f} GiB", need=need / 1024**3),
        _("free some space, or set VAGRANT_HOME to a larger disk"),
    )


def memory_enough(hosts: int, each: int, machine: Machine) -> Diagnosis:
    need = each * hosts * 1024**2
    free = machine.free_memory()
    text = _("{free} MiB of memory free", free=free // 1024**2)
    if free >= need:
        return found("memory", text)
    why = _("the machines take {need} MiB", need=need // 1024**2)
    return warning("memory", text, why, _("close programs, or set memory in labctl.toml"))
