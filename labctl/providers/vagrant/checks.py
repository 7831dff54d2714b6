"""What this machine needs so that Vagrant can make the lab's hosts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from labctl.health import Diagnosis, found, lacking, unknown, warning
from labctl.hint import Command, Hint, commands
from labctl.i18n import N_, _
from labctl.lab import Lab
from labctl.machine import Machine
from labctl.providers.checks import Check
from labctl.providers.vagrant.address_range import factory_dhcp, range_allowed, range_free
from labctl.providers.vagrant.folder_checks import (
    LIBVIRT,
    VIRTUALBOX,
    Place,
    disk_enough,
    folders_readable,
    snapshot_enough,
)
from labctl.providers.vagrant.lab_folder import box_architecture
from labctl.providers.vagrant.libvirt_checks import kvm_there, libvirt_answers, libvirt_plugin
from labctl.providers.vagrant.network_mode import network_chosen
from labctl.providers.vagrant.options import VagrantOptions
from labctl.providers.vagrant.surroundings import (
    folders_local,
    host_only_module,
    no_proxy,
    one_virtualbox,
    other_vagrantfile,
)
from labctl.providers.vagrant.versions import (
    Bad,
    dotted,
    hidden_from_vagrant,
    lacks_module,
    read_virtualbox_version,
    vagrant_version,
    virtualbox_version,
)
from labctl.providers.vagrant.virtualbox import vboxmanage
from labctl.providers.vagrant.virtualization import virtualization

VAGRANT_PAGE = "https://developer.hashicorp.com/vagrant/install"
VIRTUALBOX_PAGE = "https://www.virtualbox.org/wiki/Downloads"
_OLD_PAGE = "https://www.virtualbox.org/wiki/Download_Old_Builds"
# The first Vagrant that knows a VirtualBox series (Vagrant's CHANGELOG).
_FIRST_VAGRANT: dict[tuple[int, ...], tuple[int, ...]] = {
    (7, 0): (2, 3, 2),
    (7, 1): (2, 4, 2),
    (7, 2): (2, 4, 9),
}
_OLDEST_VIRTUALBOX = (6, 1)
# The newest VirtualBox series for the Vagrant of Debian 12, which is 2.3.4.
_NEWEST_FOR_DEBIAN = (7, 0)
# The first VirtualBox that runs on ARM processors.
_FIRST_ON_ARM: dict[str, tuple[int, ...]] = {"darwin": (7, 1), "win32": (7, 2)}
_FIRST_WITH_ARCHITECTURES = (2, 4)
# Versions that fail, from VirtualBox's own list of issues.
_BAD = (
    Bad(
        first=(7, 2, 0),
        last=(7, 2, 3),
        better=(7, 2, 4),
        systems=(),
        trouble=N_("SSH connections through its forwarded ports are reset"),
    ),
    Bad(
        first=(7, 2, 18),
        last=(7, 2, 18),
        better=(7, 2, 16),
        systems=("win32",),
        trouble=N_("its machines do not start on Windows"),
    ),
)
# How to build VirtualBox's kernel module again: in a package of the distribution, and in Oracle's.
_DKMS = commands("sudo apt install --reinstall virtualbox-dkms")
_VBOXCONFIG = commands("sudo /sbin/vboxconfig")
_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_PACKAGED = re.compile(r"virtualbox-dkms|_(Debian|Ubuntu)r\d")

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
# What disturbs Vagrant with every hypervisor.
_OTHERS = (
    Check("vagrantfile", other_vagrantfile, quick=False),
    Check("proxy", no_proxy, quick=False),
)


def checks(
    lab: Lab, options: VagrantOptions, hypervisor: str, *, exists: bool
) -> tuple[Check, ...]:
    """The checks for that hypervisor, in the order in which to mend what is lacking.

    Args:
        exists: Whether the machines of the lab exist, which need less room from now on.
    """
    if hypervisor == "libvirt":
        return _of_libvirt(lab, options, exists=exists)
    on_this_system = _of_virtualbox(lab, options, exists=exists)
    return (
        Check("wsl", outside_wsl, systems=("linux",)),
        *(replace(each, look=partial(_unless_wsl, each.look)) for each in on_this_system),
    )


def _of_libvirt(lab: Lab, options: VagrantOptions, *, exists: bool) -> tuple[Check, ...]:
    return (
        Check("vagrant", vagrant_there),
        Check("plugin", libvirt_plugin),
        _disk(lab, options, LIBVIRT, exists=exists),
        Check("libvirt", libvirt_answers, quick=False),
        Check("kvm", kvm_there, quick=False),
        _memory(lab, options),
        *_OTHERS,
    )


def _of_virtualbox(lab: Lab, options: VagrantOptions, *, exists: bool) -> tuple[Check, ...]:
    ranges = (
        Check("hostonly", host_only_module, systems=("linux",)),
        Check("range-allowed", partial(range_allowed, lab)),
        Check("range-free", partial(range_free, lab), quick=False),
        Check("dhcp", partial(factory_dhcp, lab), quick=False),
    )
    return (
        Check("virtualbox", virtualbox_there),
        Check("installations", one_virtualbox, quick=False),
        Check("vagrant", vagrant_there),
        Check("fit", they_fit),
        Check("net", partial(network_chosen, lab, options), quick=False),
        *(ranges if options.net == "hostonly" else ()),
        _disk(lab, options, VIRTUALBOX, exists=exists),
        _memory(lab, options),
        Check("virtualization", virtualization, quick=False),
        Check("trouble", no_known_trouble, quick=False),
        Check("home", folders_readable, quick=False),
        Check("place", folders_local, quick=False),
        *_OTHERS,
    )


def _disk(lab: Lab, options: VagrantOptions, place: Place, *, exists: bool) -> Check:
    room = snapshot_enough if exists else disk_enough
    return Check("disk", partial(room, len(lab.hosts), options.memory, place))


def _memory(lab: Lab, options: VagrantOptions) -> Check:
    return Check("memory", partial(memory_enough, len(lab.hosts), options.memory), quick=False)


def _unless_wsl(look: Callable[[Machine], Diagnosis | None], machine: Machine) -> Diagnosis | None:
    """Do not look in WSL for what has to be on Windows."""
    return None if _is_wsl(machine) else look(machine)


def _is_wsl(machine: Machine) -> bool:
    kernel = (machine.read("/proc/sys/kernel/osrelease") or "").lower()
    # A user can give WSL a kernel of another name.
    return machine.system == "linux" and bool(
        "microsoft" in kernel or machine.environment("WSL_DISTRO_NAME")
    )


def _install(table: dict[str, Command], machine: Machine, page: str) -> Hint:
    command = table.get(machine.distribution or machine.system)
    return Hint(commands=(command,)) if command is not None else Hint(page)


def outside_wsl(machine: Machine) -> Diagnosis:
    """VirtualBox runs on Windows, not in WSL, and Vagrant in WSL cannot reach it well."""
    if not _is_wsl(machine):
        return found("wsl", _("this is Linux, not WSL"))
    return lacking(
        "wsl",
        _("this is Linux in WSL"),
        _("VirtualBox runs on Windows, not in WSL"),
        _("install Python and labctl on Windows and run labctl in PowerShell"),
    )


def virtualbox_there(machine: Machine) -> Diagnosis:
    """VirtualBox is installed, starts, and is not too old."""
    program = vboxmanage(machine)
    why = _("it runs the lab's machines")
    if program is None:
        page = _LINUX_PAGE if machine.system == "linux" else VIRTUALBOX_PAGE
        mend = _install(_INSTALL_VIRTUALBOX, machine, page)
        return lacking("virtualbox", _("VirtualBox is not installed"), why, mend)
    said = machine.ask(program, "--version")
    version = read_virtualbox_version(said)
    # VBoxManage warns in front of its version: no module for this kernel, or no /dev/vboxdrv.
    if lacks_module(said) or not version:
        mend = Hint(VIRTUALBOX_PAGE)
        if machine.system == "linux":
            mend = _module_anew(machine, said)
        return lacking("virtualbox", _("VirtualBox is installed but does not start"), why, mend)
    if version < _OLDEST_VIRTUALBOX:
        text = _("VirtualBox {version} is too old", version=dotted(version))
        return lacking("virtualbox", text, why, VIRTUALBOX_PAGE)
    if box_architecture(machine) == "arm64" and version < _FIRST_ON_ARM.get(machine.system, ()):
        text = _("VirtualBox {version} does not run on Windows for ARM", version=dotted(version))
        if machine.system == "darwin":
            text = _("VirtualBox {version} does not run on Apple silicon", version=dotted(version))
        mend = _install(_INSTALL_VIRTUALBOX, machine, VIRTUALBOX_PAGE)
        return lacking("virtualbox", text, why, mend)
    if line := hidden_from_vagrant(said):
        return warning(
            "virtualbox",
            f"VirtualBox {dotted(version)}",
            _(
                "it prints a warning before its version, and Vagrant may take that for the"
                " version: {line}",
                line=line,
            ),
            commands("VBoxManage --version"),
        )
    return found("virtualbox", f"VirtualBox {dotted(version)}")


def _module_anew(machine: Machine, said: str) -> Hint:
    if "vboxconfig" in said:
        mend = _VBOXCONFIG
    else:
        packaged = machine.distribution == "ubuntu" or _PACKAGED.search(said)
        mend = _DKMS if packaged else _VBOXCONFIG
    if not _secure_boot(machine):
        return mend
    text = _(
        "Secure Boot is on, so the kernel loads signed modules only: run this, register the key"
        " that it names with mokutil --import, then restart"
    )
    return Hint(text, mend.commands)


def _secure_boot(machine: Machine) -> bool:
    """Whether the firmware lets the kernel load signed modules only.

    Source: UEFI specification, "Globally Defined Variables"; the first four bytes are attributes.
    """
    if "SecureBoot enabled" in machine.ask("mokutil", "--sb-state"):
        return True
    return (machine.read(_SECURE_BOOT) or "").endswith("\x01")


def no_known_trouble(machine: Machine) -> Diagnosis | None:
    """This version of VirtualBox is not known to fail here."""
    version = virtualbox_version(machine)
    if not version:
        return None
    bad = next((each for each in _BAD if each.concerns(version, machine.system)), None)
    if bad is None:
        return found("trouble", _("this version of VirtualBox has no known problem"))
    text = f"VirtualBox {dotted(version)}"
    mend = _("install VirtualBox {version}: {page}", version=dotted(bad.better), page=_OLD_PAGE)
    return warning("trouble", text, _(bad.trouble), Hint(mend))


def _vagrant_for(machine: Machine) -> Hint:
    """How to get a Vagrant that fits the VirtualBox that is installed."""
    if machine.distribution == "debian" and virtualbox_version(machine)[:2] > _NEWEST_FOR_DEBIAN:
        return Hint(VAGRANT_PAGE)
    return _install(_INSTALL_VAGRANT, machine, VAGRANT_PAGE)


def vagrant_there(machine: Machine) -> Diagnosis:
    """Vagrant is installed and tells its version."""
    if machine.program("vagrant") is None:
        return lacking(
            "vagrant",
            _("Vagrant is not installed"),
            _("it creates the machines"),
            _vagrant_for(machine),
        )
    version = vagrant_version(machine)
    if not version:
        why = _("its first start may take long, or it is damaged")
        return unknown("vagrant", _("Vagrant does not report its version"), why, Hint(VAGRANT_PAGE))
    if version < _FIRST_WITH_ARCHITECTURES:
        return warning(
            "vagrant",
            f"Vagrant {dotted(version)}",
            _("Vagrant before 2.4 cannot choose the box's build for this processor"),
            Hint(VAGRANT_PAGE),
        )
    return found("vagrant", f"Vagrant {dotted(version)}")


def they_fit(machine: Machine) -> Diagnosis:
    """VirtualBox 7.2 needs Vagrant 2.4.9 or newer, and so on."""
    box, have = virtualbox_version(machine), vagrant_version(machine)
    if not box or not have:
        return unknown(
            "fit", _("whether VirtualBox and Vagrant fit together: one does not report its version")
        )
    newest = max(_FIRST_VAGRANT)
    need = _FIRST_VAGRANT.get(box[:2])
    both = _(
        "VirtualBox {virtualbox} and Vagrant {vagrant}",
        virtualbox=dotted(box),
        vagrant=dotted(have),
    )
    if need is None and box[:2] > newest:
        why = _("when this labctl was released, no Vagrant supported it")
        return warning("fit", both, why, VAGRANT_PAGE)
    if need is not None and have < need:
        why = _(
            "this VirtualBox needs Vagrant {version} or newer; Vagrant refuses it otherwise",
            version=dotted(need),
        )
        return lacking("fit", both, why, VAGRANT_PAGE)
    return found("fit", both)


def memory_enough(hosts: int, each: int, machine: Machine) -> Diagnosis:
    need = each * hosts * 1024**2
    free = machine.free_memory()
    if not free:
        return unknown("memory", _("how much memory is free"))
    text = _("{free} MiB of memory free", free=free // 1024**2)
    if free >= need:
        return found("memory", text)
    why = _("the machines need {need} MiB", need=need // 1024**2)
    return warning("memory", text, why, _("close programs, or reduce memory in labctl.toml"))
