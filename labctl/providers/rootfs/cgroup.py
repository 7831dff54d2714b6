"""A control group for each set of processes that outlives labctl.

The group contains exactly the processes that labctl started, so labctl can find, freeze and kill
them without a state file. Works on a unified and on a hybrid hierarchy, with or without systemd as
the machine's PID 1 (cgroups(7)).
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from labctl.errors import LabError
from labctl.i18n import _
from labctl.scripts import Script
from labctl.waiting import wait_until

_ENTER = Script("labctl.providers.rootfs", "enter.sh")


@dataclass(frozen=True)
class Hierarchies:
    """Where the hierarchies are mounted; `controllers` are those of version 1, by name."""

    unified: Path
    named: Path | None
    controllers: Mapping[str, Path] = field(default_factory=dict)


@cache
def hierarchies() -> Hierarchies:
    """The cgroup hierarchies of this machine."""
    # The name of a mount point may not be valid text.
    return parse_hierarchies(os.fsdecode(Path("/proc/self/mountinfo").read_bytes()))


def parse_hierarchies(mountinfo: str) -> Hierarchies:
    """The hierarchies in the text of /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    unified, named, controllers = Path("/sys/fs/cgroup"), None, {}
    for line in filter(None, mountinfo.split("\n")):
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            unified = Path(before.split()[4])
        elif kind == "cgroup" and "name=systemd" in options:
            named = Path(before.split()[4])
        elif kind == "cgroup":
            controllers.update(dict.fromkeys(options.split(","), Path(before.split()[4])))
    return Hierarchies(unified, named, controllers)


def cgroups_called(prefix: str) -> list[Cgroup]:
    """The existing groups whose names start with `prefix`."""
    return [Cgroup(path.name) for path in hierarchies().unified.glob(f"{prefix}*")]


# How often the groups are read for a process that may be moving.
_LOOKS = 3


def _numbers(pid: int) -> list[str]:
    """The process's ids, here and in the containers that it is in (NSpid in proc_pid_status(5))."""
    with suppress(OSError, ValueError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        for line in status.splitlines():
            if line.startswith("NSpid:"):
                return line.split()[1:]
    return []


def _is_first(pid: int) -> bool:
    """Whether the process is PID 1 of a container."""
    numbers = _numbers(pid)
    return len(numbers) > 1 and numbers[-1] == "1"


@dataclass(frozen=True)
class Cgroup:
    """The group called `name`, below the root of each hierarchy; `/` separates levels.

    A process that enters it also enters the groups `beside` it, folders of version 1 controllers.
    """

    name: str
    beside: tuple[Path, ...] = ()

    @property
    def _roots(self) -> list[Path]:
        found = hierarchies()
        return [root / self.name for root in (found.unified, found.named) if root is not None]

    @property
    def _unified(self) -> Path:
        return self._roots[0]

    def entering(self, argv: Sequence[str]) -> list[str]:
        """The command line that creates and enters this group and then runs a command."""
        folders = [*self._roots, *self.beside]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        procs = [str(folder / "cgroup.procs") for folder in folders]
        return ["sh", "-euc", _ENTER.text, "sh", *procs, "--", *argv]

    def below(self, name: str) -> Cgroup:
        """A group inside this one, which is ended with it."""
        return Cgroup(f"{self.name}/{name}", tuple(path / name for path in self.beside))

    def populated(self) -> bool:
        """Whether any process is in the group or below it."""
        return self._event("populated")

    def pids(self) -> list[int]:
        """The processes in the group and below it."""
        found: list[int] = []
        # Unlike rglob, os.walk continues if a group disappears.
        for folder, _below, _files in os.walk(self._unified):
            with suppress(OSError):
                found += [int(pid) for pid in Path(folder, "cgroup.procs").read_text().split()]
        return found

    def services(self) -> list[str]:
        """The services that run in the group's container; one that restarts gets another text."""
        found: list[str] = []
        for folder, _below, _files in os.walk(self._unified):
            if folder.endswith(".service"):
                # It may be gone by now.
                with suppress(OSError):
                    found.append(f"{Path(folder).name} {Path(folder).stat().st_ino}")
        return sorted(found)

    def init_pid(self) -> int | None:
        """The machine's process id of PID 1 in the group's container.

        systemd moves to a new group below when it starts. It may then be in none of the groups that
        are read one after the other, so they are read again.
        """
        for _look in range(_LOOKS):
            for pid in self.pids():
                if _is_first(pid):
                    return pid
            if not self.populated():
                break
        return None

    def doing(self) -> list[str]:
        """Each process with its state and where in the kernel it waits (proc_pid_stat(5))."""
        found: list[str] = []
        for pid in self.pids():
            process = Path(f"/proc/{pid}")
            with suppress(OSError, IndexError):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                state = (process / "stat").read_bytes().rpartition(b")")[2].split()[0].decode()
                waits = (process / "wchan").read_text().strip("0")
                found.append(f"{name} {state} {waits}".strip())
        return found

    def freeze(self) -> bool:
        """Freeze every process of the group.

        Returns False if a process is still running after half a minute, or none is left.
        """
        with suppress(OSError):
            (self._unified / "cgroup.freeze").write_text("1")
        wait_until(30, lambda: self._event("frozen") or not self.populated(), every=0.01)
        return self._event("frozen") and self.populated()

    def thaw(self) -> None:
        """Let every process of the group run again; idempotent.

        Raises:
            LabError: The kernel refuses, and the processes stay frozen.
        """
        switch = self._unified / "cgroup.freeze"
        try:
            switch.write_text("0")
        except OSError as error:
            # The group is gone, or was removed after its file was opened.
            if switch.exists() and error.errno != errno.ENODEV:
                raise LabError(
                    _("the processes of a host stay frozen"), cause=f"{switch}: {error.strerror}"
                ) from error

    def wait_empty(self, seconds: float) -> bool:
        """Wait until no process is left. Returns False on timeout."""
        return wait_until(seconds, lambda: not self.populated(), every=0.01)

    def kill(self) -> None:
        """Kill every process of the group and remove the group."""
        with suppress(FileNotFoundError):
            (self._unified / "cgroup.kill").write_text("1")
            self.wait_empty(seconds=10)
        self._remove()

    def kill_inside(self) -> None:
        """Kill the processes that are in a container. What entered it for them sees them end."""
        for pid in self.pids():
            if len(_numbers(pid)) > 1:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _event(self, name: str) -> bool:
        try:
            text = (self._unified / "cgroup.events").read_text()
        except OSError:
            return False
        return f"{name} 1" in text

    def _remove(self) -> None:
        for root in (*self._roots, *self.beside):
            for folder, _below, _files in os.walk(root, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
