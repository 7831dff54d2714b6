"""The machine, as checks ask it. A fact that cannot be found out is empty or zero, not an error."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Protocol

from labctl.errors import LabError, words_of
from labctl.run import run
from labctl.scripts import Script
from labctl.system import parse_os_release

# Seconds that a command may take.
ASK_SECONDS = 20
_ADDRESS = re.compile(r"^\d+: (?P<name>\S+) +inet (?P<address>[\d./]+)", re.MULTILINE)
_MAC_BLOCK = re.compile(r"^(?P<name>\w+): .*?(?=^\w+: |\Z)", re.MULTILINE | re.DOTALL)
_MAC_ADDRESS = re.compile(r"inet (?P<address>[\d.]+) .*netmask 0x(?P<mask>[0-9a-f]{8})")
_WINDOWS_ADDRESS = re.compile(r"^(?P<name>.+)\|(?P<address>[\d.]+/\d+)\s*$", re.MULTILINE)
_ADDRESSES = Script("labctl", "addresses.ps1")
# How labctl runs a command of PowerShell.
_POWERSHELL = ("powershell", "-NoProfile", "-NonInteractive", "-Command")


class Machine(Protocol):
    """What the checks may ask."""

    @property
    def system(self) -> str:
        """`linux`, `darwin` or `win32`, as sys.platform says."""

    @property
    def distribution(self) -> str:
        """The ID of os-release(5), `debian` or `ubuntu`; empty elsewhere."""

    @property
    def architecture(self) -> str:
        """`x86_64` or `arm64`."""

    @property
    def home(self) -> Path:
        """The user's home folder."""

    @property
    def is_root(self) -> bool:
        """Whether labctl runs as root; never on Windows."""

    def program(self, name: str) -> str | None:
        """The path of an installed program; None if it is not on PATH."""

    def ask(self, *argv: str) -> str:
        """What a command printed; empty if it failed or did not end in `ASK_SECONDS`."""

    def complaint(self, *argv: str) -> str:
        """What a command printed that failed; empty if it did not fail. The same time limit."""

    def read(self, path: str) -> str | None:
        """A file's text; None if it cannot be read."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or a folder of that name."""

    def environment(self, name: str) -> str:
        """A variable of the environment; empty if it is not set."""

    def free_disk(self, folder: Path) -> int:
        """Bytes free on the disk where the folder is or will be."""

    def free_memory(self) -> int:
        """Bytes of memory that programs can still have; 0 if it is not known."""

    def addresses(self) -> list[tuple[str, IPv4Interface]]:
        """Each network interface with its IPv4 address and network."""


class ThisMachine:
    """The machine labctl runs on."""

    @property
    def system(self) -> str:
        return sys.platform

    @property
    def distribution(self) -> str:
        # Under Wine, Windows programs can read this file of Linux.
        if self.system != "linux":
            return ""
        found = parse_os_release(self.read("/etc/os-release") or "")
        return found.id if found else ""

    @property
    def architecture(self) -> str:
        name = platform.machine().lower()
        return {"amd64": "x86_64", "aarch64": "arm64"}.get(name, name)

    @property
    def home(self) -> Path:
        return Path.home()

    @property
    def is_root(self) -> bool:
        return hasattr(os, "geteuid") and os.geteuid() == 0

    def program(self, name: str) -> str | None:
        return shutil.which(name)

    def ask(self, *argv: str) -> str:
        try:
            done = run(argv, check=False, timeout=ASK_SECONDS)
        except (LabError, OSError):
            return ""
        return done.stdout if done.ok else ""

    def complaint(self, *argv: str) -> str:
        try:
            done = run(argv, check=False, timeout=ASK_SECONDS)
        except (LabError, OSError) as error:
            return words_of(error)
        return "" if done.ok else (done.stdout + done.stderr).strip()

    def read(self, path: str) -> str | None:
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def environment(self, name: str) -> str:
        return os.environ.get(name, "")

    def free_disk(self, folder: Path) -> int:
        there = next((path for path in (folder, *folder.parents) if path.exists()), None)
        return shutil.disk_usage(there).free if there is not None else 0

    def free_memory(self) -> int:
        if self.system == "linux":
            found = re.search(r"^MemAvailable: +(\d+)", self.read("/proc/meminfo") or "", re.M)
            return int(found[1]) * 1024 if found else 0
        if self.system == "darwin":
            # macOS gives back what it only caches: half of all is a fair guess.
            return _number(self.ask("sysctl", "-n", "hw.memsize")) // 2
        text = self.ask(*_POWERSHELL, "(Get-CimInstance Win32_OperatingSystem).FreePhysicalMemory")
        return _number(text) * 1024

    def addresses(self) -> list[tuple[str, IPv4Interface]]:
        if self.system == "linux":
            return linux_addresses(self.ask("ip", "-o", "-4", "address", "show"))
        if self.system == "darwin":
            return mac_addresses(self.ask("ifconfig"))
        return windows_addresses(self.ask(*powershell(_ADDRESSES)))


def powershell(script: Script) -> tuple[str, ...]:
    """The command that runs a script of PowerShell.

    The script becomes one line, so each of its statements has to end in a semicolon.
    """
    lines = (line.strip() for line in script.text.splitlines() if not line.startswith("#"))
    return (*_POWERSHELL, " ".join(lines))


def _number(output: str) -> int:
    """The last line of an output as a number; 0 if it is none."""
    last = output.strip().rpartition("\n")[2].strip()
    return int(last) if re.fullmatch(r"[0-9]+", last) else 0


def linux_addresses(output: str) -> list[tuple[str, IPv4Interface]]:
    """From `ip -o -4 address show` (ip-address(8))."""
    return _interfaces(_ADDRESS.finditer(output))


def mac_addresses(output: str) -> list[tuple[str, IPv4Interface]]:
    """From macOS's `ifconfig`."""
    return [
        (block["name"], IPv4Interface((match["address"], f"{int(match['mask'], 16).bit_count()}")))
        for block in _MAC_BLOCK.finditer(output)
        for match in _MAC_ADDRESS.finditer(block[0])
    ]


def windows_addresses(output: str) -> list[tuple[str, IPv4Interface]]:
    """From PowerShell's Get-NetIPAddress, one `alias|address/prefix` a line."""
    return _interfaces(_WINDOWS_ADDRESS.finditer(output))


def _interfaces(found: Iterable[re.Match[str]]) -> list[tuple[str, IPv4Interface]]:
    """The names and addresses of these lines, without what is no address."""
    interfaces = []
    for match in found:
        with suppress(ValueError):
            interfaces.append((match["name"].strip(), IPv4Interface(match["address"])))
    return interfaces
