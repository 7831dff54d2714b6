"""Everything that a lab could leave on the machine, to compare before and after.

Traces of other labs on this machine are left out, because they may change meanwhile.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from labctl.home import lab_home
from labctl.providers.nspawn.lab_limits import lab_id_of
from labctl.providers.rootfs.build import image_cgroup
from labctl.waiting import wait_until
from tests.lab.program import LAB


@dataclass(frozen=True)
class Traces:
    """Sorted lists of the traces. They are equal if nothing was added or removed."""

    mounts: tuple[str, ...]
    links: tuple[str, ...]
    namespaces: tuple[str, ...]
    tables: tuple[str, ...]
    groups: tuple[str, ...]
    processes: tuple[str, ...]
    files: tuple[str, ...]
    forwarding: tuple[str, ...]

    def difference(self, other: Traces) -> dict[str, list[str]]:
        """The entries that exist in only one of the two, by kind."""
        found = {}
        for field in fields(self):
            mine, theirs = set(getattr(self, field.name)), set(getattr(other, field.name))
            if mine != theirs:
                found[field.name] = sorted(mine ^ theirs)
        return found


def traces() -> Traces:
    """Read the current state of the machine."""
    return Traces(
        mounts=tuple(sorted(_mounts())),
        links=tuple(line.split("@")[0].split()[0] for line in _lines("ip", "-br", "link")),
        namespaces=tuple(sorted(_namespaces())),
        tables=_lines("nft", "list", "tables"),
        groups=tuple(sorted(_groups())),
        processes=tuple(sorted(_processes())),
        files=tuple(sorted(_files())),
        forwarding=tuple(
            f"{path.parent.name}={path.read_text().strip()}"
            for path in sorted(Path("/proc/sys/net/ipv4/conf").glob("*/forwarding"))
        ),
    )


def changed_since(before: Traces) -> dict[str, list[str]]:
    """The differences by kind. The kernel gets 20 s to remove what it removes itself."""
    return wait_until(20, lambda: traces().difference(before), lambda found: not found)


def _mounts() -> Iterator[str]:
    """The mounts in labctl's folders, numbered if several are on the same folder."""
    home = lab_home(LAB)
    seen: Counter[str] = Counter()
    for point in _lines("findmnt", "--raw", "--noheadings", "--output", "TARGET"):
        if any(
            Path(point).is_relative_to(folder) for folder in (home.state, home.cache / "images")
        ):
            seen[point] += 1
            yield f"{point} {seen[point]}"


def lab_id() -> str:
    """What the provider calls the lab: by its folder."""
    return lab_id_of(lab_home(LAB).state)


def _namespaces() -> Iterator[str]:
    """Each network namespace with a process to which an interface of this namespace leads.

    A namespace without a process is gone; the kernel may need a minute to remove it.
    """
    numbers = _lines("lsns", "--type", "net", "--noheadings", "--output", "NETNSID")
    for place, _number in enumerate(each for each in numbers if each.strip().isdigit()):
        yield f"peer {place}"


def _groups() -> Iterator[str]:
    image = image_cgroup(lab_home(LAB).cache / "images").name
    for name in (f"labctl-{lab_id()}*", image):
        # At the root of the hierarchy, or of each where there are several.
        for pattern in (name, f"*/{name}"):
            yield from (str(path) for path in Path("/sys/fs/cgroup").glob(pattern))


def _processes() -> Iterator[str]:
    """The processes that labctl started for the tests' lab."""
    marks = [f"{name}={os.environ[name]}" for name in ("XDG_STATE_HOME",) if name in os.environ]
    marks.append(f"LABCTL_NAME={LAB}")
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (process / "environ").read_bytes().decode(errors="replace").split("\0")
            if set(marks) <= set(environment):
                yield (process / "comm").read_text().strip()


def _files() -> Iterator[str]:
    home = lab_home(LAB)
    for folder, pattern in (
        (home.state.parent, f"*{LAB}*"),
        (home.cache / "images", ".build*"),
        (Path("/run/systemd/nspawn/propagate"), f"{lab_id()}-*"),
        (Path("/run/netns"), f"labctl-{lab_id()}"),
    ):
        yield from (str(path) for path in folder.glob(pattern))


def _lines(*argv: str) -> tuple[str, ...]:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return tuple(sorted(done.stdout.splitlines()))
