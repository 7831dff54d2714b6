"""What one lab may use of the machine: memory, processes and its share of the processors.

All hosts of a lab are below one control group, which has the limits. On a machine with version 1
controllers (a hybrid hierarchy) the same limits are in a group of each of those (cgroups(7)).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import LabError
from labctl.hint import commands
from labctl.i18n import _
from labctl.providers.rootfs.cgroup import Cgroup, hierarchies

CONTROLLERS = ("memory", "pids", "cpu")
# The weight of a version 2 group that nobody changed, and the shares of a version 1 group.
_DEFAULT_WEIGHT, _DEFAULT_SHARES = 100, 1024


@dataclass(frozen=True)
class Limits:
    """Of a whole lab: bytes of memory, number of processes, weight for the processors."""

    memory: int
    processes: int
    weight: int = _DEFAULT_WEIGHT


def lab_id_of(state: Path) -> str:
    """Eight hexadecimal digits that name what the kernel keeps for the lab of a state folder."""
    return hashlib.sha256(str(state).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class LabGroup:
    """The control groups of one lab; `lab_id` is eight hexadecimal digits."""

    lab_id: str

    @property
    def name(self) -> str:
        return f"labctl-{self.lab_id}"

    def host(self, name: str) -> Cgroup:
        """The group of one host, below the lab's."""
        return Cgroup(f"{self.name}/{name}", beside=tuple(self._old_style()))

    def populated(self) -> bool:
        """Whether any process of the lab runs."""
        return Cgroup(self.name).populated()

    def limit(self, limits: Limits) -> list[str]:
        """Put the limits in force, as far as the machine has controllers; idempotent.

        Returns:
            The controllers that the machine has, but does not let this group use, as in a
            container whose own group has processes.

        Raises:
            LabError: The kernel refuses a limit. The others are in force.
        """
        withheld, refused = [], []
        for controller, path, value in self._files(limits):
            told = _refusal(path, value)
            # A group that may not use a controller does not have its files.
            if told and not path.exists():
                withheld.append(controller)
            elif told:
                refused.append(told)
        if refused:
            raise LabError(
                _("the limits of the lab cannot be set"),
                cause="\n".join(refused),
                # A limit below what the hosts use now is refused.
                hint=commands("labctl down", "labctl up"),
            )
        return withheld

    def _files(self, limits: Limits) -> Iterator[tuple[str, Path, int]]:
        """Each controller that the machine has, its file in this group and what to write there."""
        shares = max(2, limits.weight * _DEFAULT_SHARES // _DEFAULT_WEIGHT)
        unified = {
            "memory": ("memory.max", limits.memory),
            "pids": ("pids.max", limits.processes),
            "cpu": ("cpu.weight", limits.weight),
        }
        version_1 = {
            "memory": ("memory.limit_in_bytes", limits.memory),
            "pids": ("pids.max", limits.processes),
            "cpu": ("cpu.shares", shares),
        }
        found, missing = hierarchies(), missing_controllers()
        for controller in (each for each in CONTROLLERS if each not in missing):
            if controller in found.controllers:
                name, value = version_1[controller]
                yield controller, found.controllers[controller] / self.name / name, value
            else:
                name, value = unified[controller]
                with suppress(OSError):
                    (found.unified / "cgroup.subtree_control").write_text(f"+{controller}")
                yield controller, found.unified / self.name / name, value

    def kill(self) -> None:
        """End every process of the lab and remove its groups; idempotent."""
        Cgroup(self.name, beside=tuple(self._old_style())).kill()

    def _old_style(self) -> Iterator[Path]:
        """The lab's groups of version 1 controllers."""
        roots = hierarchies().controllers
        return (roots[each] / self.name for each in CONTROLLERS if each in roots)


def missing_controllers() -> list[str]:
    """The limits that this machine cannot enforce."""
    found = hierarchies()
    try:
        unified = (found.unified / "cgroup.controllers").read_text().split()
    except OSError:
        unified = []
    return [each for each in CONTROLLERS if each not in found.controllers and each not in unified]


def _refusal(path: Path, value: int) -> str:
    """Write a limit. Returns what the system says if it refuses, otherwise ""."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(value))
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""
