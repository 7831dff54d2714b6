"""What a number of hosts needs of the kernel, measured with all services of the book running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labctl.hint import Hint
from labctl.i18n import _
from labctl.machine import Machine

INOTIFY = "fs.inotify.max_user_instances"
_SYSCTL_FILE = "/etc/sysctl.d/90-labctl.conf"
# Bytes of memory that a host takes, and of disk for its own layers.
MEMORY_A_HOST = 56 * 1024**2
DISK_A_HOST = 60 * 1024**2
# Twice what was counted on a host that runs, for the boot and the work of a person:
# 6 instances with 28 watches, 29 threads, 1 key of a user (all hosts have the same user ids),
# 4 entries of neighbours in three namespaces.
A_HOST = {
    INOTIFY: 12,
    "fs.inotify.max_user_watches": 60,
    "kernel.pid_max": 60,
    "kernel.threads-max": 60,
    "kernel.keys.maxkeys": 2,
    "net.ipv4.neigh.default.gc_thresh3": 8,
}
# What the rest of a machine uses of the same limits.
_BESIDE = {
    INOTIFY: 40,
    "fs.inotify.max_user_watches": 4096,
    "kernel.pid_max": 2000,
    "kernel.threads-max": 2000,
    "kernel.keys.maxkeys": 20,
    "net.ipv4.neigh.default.gc_thresh3": 256,
}


@dataclass(frozen=True)
class Need:
    """A limit of the kernel: what it is, and what the hosts need it to be."""

    setting: str
    limit: int
    needed: int

    @property
    def is_met(self) -> bool:
        return self.limit >= self.needed


@dataclass(frozen=True)
class Needs:
    """All that a number of hosts needs; memory and disk in bytes."""

    limits: tuple[Need, ...]
    memory: int
    disk: int

    @property
    def short(self) -> tuple[Need, ...]:
        """The limits that are too low."""
        return tuple(each for each in self.limits if not each.is_met)


def needs(hosts: int, machine: Machine) -> Needs:
    """Add up what the hosts need, and compare it with the limits of the machine.

    A setting that the kernel does not have is left out.
    """
    limits = []
    for setting, each in A_HOST.items():
        text = machine.read("/proc/sys/" + setting.replace(".", "/"))
        if text is not None:
            limits.append(Need(setting, int(text), _BESIDE[setting] + hosts * each))
    return Needs(tuple(limits), hosts * MEMORY_A_HOST, hosts * DISK_A_HOST)


def raise_limits(short: Sequence[Need]) -> Hint:
    """What to do about limits that are too low: one file, and the command that reads it."""
    return Hint(
        _("put this into {file}", file=_SYSCTL_FILE),
        (("sudo", "sysctl", "--system"),),
        file=tuple(sysctl_lines(short)),
    )


def raised(needed: int) -> int:
    """The limit to set: a power of two."""
    return 1 << (needed - 1).bit_length()


def sysctl_lines(short: Sequence[Need]) -> list[str]:
    """The lines of sysctl.d(5) that raise these limits, each to a power of two."""
    lines = []
    for each in short:
        value = raised(each.needed)
        if each.setting.endswith("gc_thresh3"):
            # The kernel begins to drop entries at the second threshold.
            lines.append(f"{each.setting.replace('thresh3', 'thresh2')} = {value // 2}")
        lines.append(f"{each.setting} = {value}")
    return lines
