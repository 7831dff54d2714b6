"""The versions of VirtualBox and Vagrant, and what is known to be wrong with some of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labctl.machine import Machine
from labctl.providers.vagrant.virtualbox import vboxmanage

Version = tuple[int, ...]

# `7.1.4r165100`, `7.0.20_Debianr163906`, `7.2.4_Ubuntur170995`: on a line of its own, after
# warnings that may have the kernel's version in them.
_VIRTUALBOX = re.compile(r"^(\d+)\.(\d+)\.(\d+)\S*\s*$", re.MULTILINE)
_VAGRANT = re.compile(r"^Vagrant (\d+)\.(\d+)\.(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Bad:
    """Versions of VirtualBox from `first` to `last` that fail on these systems, or on all."""

    first: Version
    last: Version
    systems: tuple[str, ...]
    trouble: str

    def concerns(self, version: Version, system: str) -> bool:
        return self.first <= version <= self.last and (not self.systems or system in self.systems)


def read_virtualbox_version(said: str) -> Version:
    """From `VBoxManage --version`; () if it has no version."""
    return _numbers(_VIRTUALBOX.search(said))


def virtualbox_version(machine: Machine) -> Version:
    """The version of the VirtualBox that is installed; () if it is not known."""
    program = vboxmanage(machine)
    return read_virtualbox_version(machine.ask(program, "--version")) if program else ()


def vagrant_version(machine: Machine) -> Version:
    """The version of the Vagrant that is installed; () if it is not known."""
    program = machine.program("vagrant")
    return _numbers(_VAGRANT.search(machine.ask(program, "--version"))) if program else ()


def dotted(version: Version) -> str:
    """`7.2.4`"""
    return ".".join(map(str, version))


def _numbers(match: re.Match[str] | None) -> Version:
    return tuple(map(int, match.groups())) if match is not None else ()
