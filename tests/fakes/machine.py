"""A machine that a test describes, for the checks of a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from pathlib import Path

GIB = 1024**3


@dataclass(frozen=True)
class OtherMachine:
    """By default, a Debian PC with everything that a VirtualBox lab needs.

    `answers` maps commands to their output, and `complaints` to what they print when they fail. A
    script for PowerShell is named by a part of it. `disk` are the bytes that are free,
    `other_disks` those of some folders.
    """

    system: str = "linux"
    distribution: str = "debian"
    architecture: str = "x86_64"
    home: Path = Path("/home/taro")
    is_root: bool = False
    programs: tuple[str, ...] = ("VBoxManage", "vagrant")
    virtualbox: str = "7.0.20r163906\n"
    vagrant: str = "Vagrant 2.4.9\n"
    answers: Mapping[str, str] = field(default_factory=dict)
    complaints: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=lambda: {"/proc/cpuinfo": "flags : vmx sse"})
    variables: Mapping[str, str] = field(default_factory=dict)
    interfaces: tuple[tuple[str, str], ...] = (("eth0", "192.168.1.20/24"),)
    disk: int = 100 * GIB
    other_disks: Mapping[str, int] = field(default_factory=dict)
    memory: int = 8 * GIB

    def program(self, name: str) -> str | None:
        return name if name in self.programs else None

    def ask(self, *argv: str) -> str:
        """The output of the command, or the version of the program."""
        versions = {"VBoxManage": self.virtualbox, "vagrant": self.vagrant}
        if argv[1:] == ("--version",) and argv[0] in versions:
            return versions[argv[0]]
        return _said(self.answers, argv)

    def complaint(self, *argv: str) -> str:
        return _said(self.complaints, argv)

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def exists(self, path: str) -> bool:
        return path in self.files

    def environment(self, name: str) -> str:
        return self.variables.get(name, "")

    def free_disk(self, folder: Path) -> int:
        return next(
            (free for place, free in self.other_disks.items() if str(folder).startswith(place)),
            self.disk,
        )

    def free_memory(self) -> int:
        return self.memory

    def addresses(self) -> list[tuple[str, IPv4Interface]]:
        return [(name, IPv4Interface(address)) for name, address in self.interfaces]


def _said(by_command: Mapping[str, str], argv: tuple[str, ...]) -> str:
    if argv[:-1] == ("powershell", "-NoProfile", "-NonInteractive", "-Command"):
        return next((said for key, said in by_command.items() if key in argv[-1]), "")
    return by_command.get(" ".join(argv), "")
