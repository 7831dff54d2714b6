"""What is on this machine besides Vagrant and VirtualBox and disturbs a lab of theirs."""

from __future__ import annotations

import re

from labctl.health import Diagnosis, lacking, warning
from labctl.hint import Hint, commands
from labctl.i18n import _
from labctl.machine import Machine
from labctl.providers.vagrant.folder_checks import choices, used_folders
from labctl.providers.vagrant.lab_folder import boxes_folder
from labctl.providers.vagrant.versions import dotted, read_virtualbox_version
from labctl.providers.vagrant.virtualbox import installed

# The upper-case names first, as most programs do.
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
# Folders that a program keeps the same on several machines, and names of computers (\\server\home).
_ELSEWHERE = re.compile(
    r"^(\\\\|//)|[\\/](onedrive|dropbox|google drive|cloudstorage|mobile documents)\b",
    re.IGNORECASE,
)


def one_virtualbox(machine: Machine) -> Diagnosis | None:
    """There are not two VirtualBoxes of different versions."""
    programs = installed(machine)
    if len(programs) < 2:
        return None
    versions = {
        program: read_virtualbox_version(machine.ask(program, "--version")) for program in programs
    }
    if len(set(versions.values())) == 1:
        return None
    both = ", ".join(f"{program} ({dotted(has) or '?'})" for program, has in versions.items())
    return warning(
        "installations",
        _("VirtualBox is installed more than once: {programs}", programs=both),
        _("Vagrant uses the first one, which may not fit the service and the drivers of the other"),
        _("uninstall the one that you do not need"),
    )


def host_only_module(machine: Machine) -> Diagnosis | None:
    """Linux has loaded VirtualBox's module for host-only networks, too."""
    if not machine.exists("/dev/vboxdrv") or machine.exists("/dev/vboxnetctl"):
        return None
    return lacking(
        "hostonly",
        _("VirtualBox's kernel module for host-only networks is not loaded"),
        _("the hosts and this machine are on such a network"),
        commands("sudo modprobe vboxnetadp", "sudo modprobe vboxnetflt"),
    )


def other_vagrantfile(machine: Machine) -> Diagnosis | None:
    """There is no Vagrantfile that Vagrant reads for all machines of this user."""
    file = boxes_folder(machine) / "Vagrantfile"
    if not machine.exists(file.as_posix()):
        return None
    return warning(
        "vagrantfile",
        _("there is {file}", file=file),
        _("Vagrant reads it for every machine, and its settings can break those of the lab"),
        _("if the lab does not start, rename this file"),
    )


def no_proxy(machine: Machine) -> Diagnosis | None:
    """No proxy is set, which the machines of the lab would not use."""
    name = next((each for each in _PROXIES if machine.environment(each)), None)
    if name is None:
        return None
    # The address may have a user name and a password.
    proxy = machine.environment(name).rpartition("@")[2]
    return warning(
        "proxy",
        _("this machine uses the proxy {proxy} ({name})", proxy=proxy, name=name),
        _("Vagrant downloads the box through it, but the hosts install their packages without it"),
        _("if this network needs the proxy, run the first labctl up in another network"),
    )


def folders_local(machine: Machine) -> Diagnosis | None:
    """The folders of Vagrant, labctl and VirtualBox are on this machine and on it only."""
    distant = [each for each in used_folders(machine) if _ELSEWHERE.search(each.folder)]
    if not distant:
        return None
    mend = Hint(_("choose folders on a disk of this machine"))
    if machine.system == "win32":
        mend = choices(distant)
    return warning(
        "place",
        _("the folder {folder} is synchronized or on a network drive", folder=distant[0].folder),
        _("other programs may lock or move the files of the machines there"),
        mend,
    )
