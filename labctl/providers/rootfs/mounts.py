"""Overlay mounts: read-only layers below, one writable layer on top (overlayfs).

The options keep a layer portable: with redirect_dir, index and metacopy off, the kernel allows
lower layers to change while nothing is mounted. labctl uses this to insert a package set below a
host's own layer (Documentation/filesystems/overlayfs.rst, "Changes to underlying filesystems").
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from labctl.run import run
from labctl.waiting import wait_until

_OPTIONS = "index=off,redirect_dir=off,metacopy=off,xino=off"


def mount_overlay(target: Path, lower: Sequence[Path], upper: Path, work: Path) -> None:
    """Mount `lower` (topmost first) and the writable `upper` at `target`."""
    for folder in (target, upper, work):
        folder.mkdir(parents=True, exist_ok=True)
    layers = ":".join(_escaped(path) for path in lower)
    options = f"lowerdir={layers},upperdir={_escaped(upper)},workdir={_escaped(work)},{_OPTIONS}"
    # The newer way of mount(8) passes each option alone, and the kernel takes 255 bytes of it.
    env = {"LIBMOUNT_FORCE_MOUNT2": "always"}
    run(["mount", "-t", "overlay", "labctl", "-o", options, str(target)], env=env)


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def is_mounted(target: Path) -> bool:
    return str(target) in mounted_below(target)


def mounted_below(folder: Path) -> list[str]:
    """The mount points at or below a folder, deepest first."""
    points = _mount_points(os.fsdecode(Path("/proc/self/mountinfo").read_bytes()))
    return sorted((p for p in points if Path(p).is_relative_to(folder)), key=len, reverse=True)


def overlays_using(layer: Path) -> list[str]:
    """The mount points of overlays that have this folder as a lower layer."""
    mountinfo = os.fsdecode(Path("/proc/self/mountinfo").read_bytes())
    escaped = _escaped(layer)
    # mount of util-linux 2.39 and newer resolves the escapes of commas itself.
    names = "|".join(re.escape(name) for name in (escaped, escaped.replace("\\,", ",")))
    among = re.compile(f"lowerdir.*[=:]({names})[:,]", re.DOTALL)
    lines = zip(_lines(mountinfo), _mount_points(mountinfo), strict=True)
    return [point for line, point in lines if among.search(_plain(line))]


def _mount_points(mountinfo: str) -> list[str]:
    """The mount points in mountinfo: the fifth field of each line."""
    return [_plain(line.split(" ")[4]) for line in _lines(mountinfo)]


def _lines(mountinfo: str) -> list[str]:
    return [line for line in mountinfo.split("\n") if line]


def _plain(field: str) -> str:
    """Decode octal escapes for space, tab, newline, backslash, and comma in options."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)


def unmount_below(folder: Path) -> None:
    """Unmount everything at or below a folder; a mount that stays busy for 5 s is detached."""
    for point in mounted_below(folder):
        if not wait_until(5, partial(_unmount, point), every=0.02):
            run(["umount", "--lazy", point], check=False)


def _unmount(point: str) -> bool:
    return run(["umount", point], check=False).ok
