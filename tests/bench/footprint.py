"""What a running lab takes of the machine: memory and disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tests.bench.labs import groups, home


def memory() -> int:
    """Bytes of all that runs on the hosts: their processes, and what lies in their tmpfs.

    Of a process, its proportional share (PSS, proc(5)): a page that several have counts once
    in all. Page cache of files that nobody has mapped is not counted: the kernel gives it back
    when anybody needs room. The kernel's own memory is in `available` only.
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
    """Bytes in the tmpfs that a host mounted, each counted once wherever it is mounted."""
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
    """Bytes that the machine could give to a new program, as the kernel reckons."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("/proc/meminfo has no MemAvailable")


def disk() -> int:
    """Bytes on disk of the lab's own folder, with all its checkpoints; not the cached image."""
    device = home().state.stat().st_dev
    total = 0
    for folder, below, files in os.walk(home().state):
        # The hosts' mounted disks show the same files a second time.
        below[:] = [name for name in below if os.lstat(Path(folder, name)).st_dev == device]
        total += sum(os.lstat(Path(folder, name)).st_blocks * 512 for name in (*below, *files))
    return total
