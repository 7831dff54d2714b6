"""Faults from outside the lab: power, a host, a disk."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labctl.home import lab_home
from labctl.providers.nspawn.lab_limits import LabGroup
from labctl.providers.rootfs.mounts import unmount_below
from tests.lab.program import LAB, labctl
from tests.lab.traces import lab_id


def command(*argv: str) -> None:
    """Run a command on this machine. It must succeed."""
    subprocess.run(argv, check=True, capture_output=True)


def kill_host(host: str) -> None:
    """The host's power is cut; its mount and its network stay."""
    LabGroup(lab_id()).host(host).kill()


def power_off() -> None:
    """The machine's power is cut: what is on disk stays, what the kernel held is gone."""
    LabGroup(lab_id()).kill()
    unmount_below(lab_home(LAB).state)
    command("ip", "link", "delete", f"lab-{lab_id()}")
    command("ip", "netns", "delete", f"labctl-{lab_id()}")
    command("nft", "delete", "table", "inet", f"labctl_{lab_id()}")


@contextmanager
def labctl_in(**folders: Path) -> Iterator[None]:
    """Set labctl's folders (XDG_STATE_HOME, XDG_CACHE_HOME) and remove the lab afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, folder in folders.items():
            patch.setenv(variable, str(folder))
        try:
            yield
        finally:
            labctl("destroy", "--yes")


class Disk:
    """A separate file system that can be filled and enlarged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, left: int = 1) -> None:
        """Fill the disk except for this many MiB."""
        used = subprocess.run(
            ["df", "--output=used", "--block-size=M", str(self.folder)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()[-1]
        self.resize(int(used.rstrip("M")) + left)

    def resize(self, size: int) -> None:
        """Resize the disk to this many MiB."""
        command("mount", "-o", f"remount,size={size}M", str(self.folder))


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Disk]:
    """A disk of `size` MiB in memory, mounted at the folder."""
    folder.mkdir(exist_ok=True)
    command("mount", "-t", "tmpfs", "-o", f"size={size}M,mode=755", "disk", str(folder))
    try:
        yield Disk(folder)
    finally:
        unmount_below(folder)
