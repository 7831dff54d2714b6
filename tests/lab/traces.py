"""Everything a lab could leave on the machine, to compare before and after."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

from labctl.home import lab_home
from tests.lab.program import LAB


@dataclass(frozen=True)
class Traces:
    """Sorted lists of what is there; equal when nothing was added or taken."""

    mounts: tuple[str, ...]
    links: tuple[str, ...]
    tables: tuple[str, ...]
    groups: tuple[str, ...]
    processes: tuple[str, ...]
    files: tuple[str, ...]
    forwarding: tuple[str, ...]

    def difference(self, other: Traces) -> dict[str, list[str]]:
        """What one has and the other has not, by kind."""
        found = {}
        for field in fields(self):
            mine, theirs = set(getattr(self, field.name)), set(getattr(other, field.name))
            if mine != theirs:
                found[field.name] = sorted(mine ^ theirs)
        return found


def traces() -> Traces:
    """Reads the machine as it is now."""
    state = lab_home(LAB).state
    return Traces(
        mounts=_lines("findmnt", "--noheadings", "--output", "TARGET", "--list"),
        links=tuple(line.split()[0] for line in _lines("ip", "-br", "link")),
        tables=_lines("nft", "list", "tables"),
        groups=tuple(sorted(str(path) for path in Path("/sys/fs/cgroup").rglob("labctl-*"))),
        processes=tuple(pid for pid in _lines("pgrep", "-f", "nspawn.*lab-tests")),
        files=tuple(sorted(str(path) for path in state.parent.glob(f"*{LAB}*"))),
        forwarding=tuple(
            f"{path.parent.name}={path.read_text().strip()}"
            for path in sorted(Path("/proc/sys/net/ipv4/conf").glob("*/forwarding"))
        ),
    )


def _lines(*argv: str) -> tuple[str, ...]:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return tuple(sorted(done.stdout.splitlines()))
