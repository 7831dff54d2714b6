"""Which operating system a host runs, by the two names that os-release(5) gives it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

_FAMILIES = {
    "debian": "debian",
    "ubuntu": "debian",
    "almalinux": "rhel",
    "rocky": "rhel",
    "centos": "rhel",
    "rhel": "rhel",
}
# What `ID` can be.
KNOWN = tuple(_FAMILIES)

_TITLES = {
    "debian": "Debian",
    "ubuntu": "Ubuntu",
    "almalinux": "AlmaLinux",
    "rocky": "Rocky Linux",
    "centos": "CentOS",
    "rhel": "RHEL",
}


@dataclass(frozen=True)
class System:
    """A release of an operating system: `ID` and `VERSION_ID` of os-release(5)."""

    id: str
    version: str

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, for comparing. Empty if it is not made of numbers."""
        parts = self.version.split(".")
        return tuple(int(part) for part in parts) if all(map(str.isdigit, parts)) else ()

    @property
    def family(self) -> str:
        """The family whose packages it has: `debian`, `rhel`, or its own name."""
        return _FAMILIES.get(self.id, self.id)

    @property
    def title(self) -> str:
        """The name and version as people write them, with the code name: `Debian 13 (trixie)`."""
        name = f"{_TITLES.get(self.id, self.id)} {self.version}".rstrip()
        codes = [code for code, system in CODE_NAMES.items() if system == self]
        return f"{name} ({codes[0]})" if codes else name

    def __str__(self) -> str:
        return f"{self.id} {self.version}"


DEBIAN_12 = System("debian", "12")
DEBIAN_13 = System("debian", "13")
UBUNTU_24_04 = System("ubuntu", "24.04")
UBUNTU_26_04 = System("ubuntu", "26.04")
ALMALINUX_9 = System("almalinux", "9")
# The releases by the names that package sources have for them.
CODE_NAMES = {
    "bookworm": DEBIAN_12,
    "trixie": DEBIAN_13,
    "noble": UBUNTU_24_04,
    "resolute": UBUNTU_26_04,
}


def os_release_fields(text: str) -> dict[str, str]:
    """The variables of an os-release file. A later one of the same name counts."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key: _unquoted(value) for key, _equals, value in pairs}


def parse_os_release(text: str) -> System | None:
    """The system that an os-release file names, or None if it names none."""
    found = os_release_fields(text)
    # Debian's testing and unstable have no VERSION_ID.
    return System(found["ID"], found.get("VERSION_ID", "")) if found.get("ID") else None


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value))
    except ValueError:
        return value.strip("\"'")
