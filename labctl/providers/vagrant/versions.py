"""The versions of VirtualBox and Vagrant, and what is known to be wrong with some of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labctl.machine import Machine
from labctl.providers.vagrant.virtualbox import vboxmanage

Version = tuple[int, ...]

# `7.1.4r165100`, `7.0.20_Debianr163906`, `7.2.4_Ubuntur170995`: on a line of its own, after
# warnings that may have the kernel's version in them.
_VIRTUALBOX = re.compile(r"^(\d+)\.(\d+)\.(\d+)(?:_\S*?)?r\d+\S*\s*$", re.MULTILINE)
# The warnings with which Vagrant refuses to work, too.
_NO_MODULE = re.compile(r"vboxdrv|kernel modules? (is|are) not loaded|Please (install|recompile)")
_VAGRANT = re.compile(r"^Vagrant (\d+)\.(\d+)\.(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Bad:
    """Versions of VirtualBox from `first` to `last` that fail on these systems, or on all.

    `better` is a version that users reported to work.
    """

    first: Version
    last: Version
    better: Version
    systems: tuple[str, ...]
    trouble: str

    def concerns(self, version: Version, system: str) -> bool:
        return self.first <= version <= self.last and (not self.systems or system in self.systems)


def read_virtualbox_version(said: str) -> Version:
    """From `VBoxManage --version`; () if it has no version."""
    return _numbers(_VIRTUALBOX.search(said))


def lacks_module(said: str) -> bool:
    """Whether `VBoxManage --version` warns that its kernel module is missing."""
    return bool(_NO_MODULE.search(said))


def hidden_from_vagrant(said: str) -> str:
    """The warning that Vagrant reads in place of the version; "" if it reads the version.

    Vagrant takes the first line that does not begin with `WARNING:`.
    """
    lines = (line for line in said.splitlines() if not line.startswith("WARNING:"))
    first = next(lines, "")
    return "" if _VIRTUALBOX.match(first) else first.strip()


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
