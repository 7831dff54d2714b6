"""How long labs take on Incus, beside the same labs in nspawn containers, in one run.

    python -m tests.incus.bench [--sizes 1,5,10] [--into FILE]

Prints a table in Markdown. The daemon is the tests' own; labs are made two at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.incus.daemon import POOL, Daemon, incus_daemon

_AT_ONCE = 2
_COMMANDS = {
    "`up`, nothing to do": ("up",),
    "`check`": ("check",),
    "`test-mail`": ("test-mail",),
    "`reset`": ("reset", "--yes"),
}


@dataclass
class Figures:
    """What one provider took with so many labs. Seconds, and MB a lab."""

    provider: str
    labs: int
    seconds: dict[str, float] = field(default_factory=dict)
    memory: float = 0.0
    disk: float = 0.0


class Runner:
    """Starts labctl for labs of one provider."""

    def __init__(self, provider: str, env: Mapping[str, str], disk: Path, daemon: Daemon) -> None:
        self.provider = provider
        self._env = {**os.environ, **env}
        self._disk = disk
        self._daemon = daemon

    def labctl(self, *args: str, name: str) -> float:
        """Run labctl to its end; returns how long that took."""
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "labctl", *args],
            env={**self._env, "LABCTL_NAME": name, "LABCTL_LANG": "en"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"{args} {name}\n{done.stdout}\n{done.stderr}")
        return time.monotonic() - begun

    def used_disk(self) -> int:
        if self.provider == "incus":
            space = self._daemon.query(f"/1.0/storage-pools/{POOL}/resources")["space"]
            return int(space["used"])
        return shutil.disk_usage(self._disk).used

    def measure(self, labs: int) -> Figures:
        names = [f"bench-{number}" for number in range(labs)]
        found = Figures(self.provider, labs)
        self.labctl("up", "--provider", self.provider, name=names[0])
        self.labctl("destroy", "--yes", name=names[0])
        memory, disk = available_memory(), self.used_disk()
        begun = time.monotonic()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(
                pool.map(
                    lambda name: self.labctl("up", "--provider", self.provider, name=name), names
                )
            )
        found.seconds["`up` of all"] = time.monotonic() - begun
        os.sync()
        found.memory = (memory - available_memory()) / labs / 1e6
        found.disk = (self.used_disk() - disk) / labs / 1e6
        for title, words in _COMMANDS.items():
            found.seconds[title] = sorted(self.labctl(*words, name=names[0]) for _n in range(3))[1]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda name: self.labctl("destroy", "--yes", name=name), names))
        return found


def available_memory() -> int:
    text = Path("/proc/meminfo").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024


def table(figures: list[Figures]) -> str:
    heads = [f"{each.provider}, {each.labs}" for each in figures]
    rows = [f"| labs | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for title in figures[0].seconds:
        cells = [f"{each.seconds[title]:.1f} s" for each in figures]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    rows.append("| memory a lab | " + " | ".join(f"{e.memory:.0f} MB" for e in figures) + " |")
    rows.append("| disk a lab | " + " | ".join(f"{e.disk:.1f} MB" for e in figures) + " |")
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1,5,10")
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    with tempfile.TemporaryDirectory(prefix="lb-") as text, incus_daemon(Path(text)) as daemon:
        state = {"XDG_STATE_HOME": str(daemon.folder / "state"), "LC_ALL": "C.UTF-8"}
        runners = [
            Runner("nspawn", state, daemon.folder, daemon),
            Runner("incus", {**state, **daemon.env}, daemon.folder, daemon),
        ]
        figures = [runner.measure(size) for size in sizes for runner in runners]
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    written = f"{os.cpu_count()} cores, load {load}\n\n{table(figures)}"
    print(written)
    if options.into:
        options.into.write_text(
            json.dumps([vars(each) for each in figures], indent=1), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
