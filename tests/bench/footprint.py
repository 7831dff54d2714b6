"""The memory and disk usage of a running lab."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tests.bench.labs import groups, home


def memory() -> int:
    """Bytes of the processes on the hosts and of the files in their tmpfs.

    A process counts with its proportional share (PSS, proc(5)), so a shared page counts once.
    The page cache of unmapped files is not counted, because the kernel can free it. The
    kernel's own memory is only in `available`.
    """
    return sum(
        sum(_share(pid) for pid in group.pids()) + _in_tmpfs(group.init_pid())
        for group in groups().values()
    )


def _share(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _in_tmpfs(init: int | None) -> int:
    """Bytes in the tmpfs mounts of a host. A tmpfs counts once even if it is mounted twice."""
    seen = {}
    for line in Path(f"/proc/{init}/mountinfo").read_text().splitlines():
        before, _dash, after = line.partition(" - ")
        if after.startswith("tmpfs "):
            device, point = before.split()[2], before.split()[4]
            with suppress(OSError):
                found = os.statvfs(f"/proc/{init}/root{point}")
                seen[device] = (found.f_blocks - found.f_bfree) * found.f_frsize
    return sum(seen.values())


def available() -> int:
    """Bytes that the kernel estimates to be available for a new program."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("/proc/meminfo has no MemAvailable")


def disk() -> int:
    """Bytes on disk of the lab's folder with all checkpoints, without the cached image."""
    device = home().state.stat().st_dev
    total = 0
    for folder, below, files in os.walk(home().state):
        # The mounted disks of the hosts would count the same files twice.
        below[:] = [name for name in below if os.lstat(Path(folder, name)).st_dev == device]
        total += sum(os.lstat(Path(folder, name)).st_blocks * 512 for name in (*below, *files))
    return total
