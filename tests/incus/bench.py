"""How long labs take on Incus, beside the same labs in nspawn containers, in one run.

    make bench-incus BENCH_OPTIONS="--into docs/benchmark.md --picture docs/images/incus-growth.svg"

Prints tables in Markdown. The daemon is the tests' own; labs are made two at a time. Run it on a
machine that does nothing else. What a class of 300 needs is computed from the figures.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labctl.parallel import on_each
from labctl.run import run
from tests.bench.growth import picture
from tests.bench.timing import machine, put_into
from tests.incus.daemon import POOL, Daemon, incus_daemon

_AT_ONCE = 2
_MODEL = "bench-model"
_COPY = """
import sys
from labctl.copies import bring_up_like
from labctl.progress import silent
from labctl.session import open_session
name, model, provider = sys.argv[1:]
bring_up_like(open_session(name, None, provider), open_session(model), silent)
"""
_COPIES = "copies of a prepared lab, all"
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

    def __init__(self, provider: str, daemon: Daemon, state: Path) -> None:
        """`state` is a folder for the files of these labs."""
        self.provider = provider
        self._env = {
            **os.environ,
            **daemon.env,
            "XDG_STATE_HOME": str(state),
            "LC_ALL": "C.UTF-8",
        }
        self._disk = state
        # Those that may exist.
        self._labs: set[str] = set()
        self._daemon = daemon

    def labctl(self, *args: str, name: str) -> float:
        """Run labctl to its end; returns how long that took."""
        return self._run("-m", "labctl", *args, name=name)

    def _run(self, *args: str, name: str) -> float:
        begun = time.monotonic()
        self._labs.add(name)
        done = subprocess.run(
            [sys.executable, *args],
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
        # Of this file system only: the hosts' own roots are mounted below the folder.
        told = subprocess.run(
            ["du", "--summarize", "--one-file-system", "--block-size=1", str(self._disk)],
            capture_output=True,
            text=True,
            check=False,
        )
        return int(told.stdout.split()[0])

    def measure_one(self) -> dict[str, float]:
        """Make the prepared lab, and measure what does not depend on the number of labs."""
        found = {}
        self.up(_MODEL)
        # The first copy makes the stock from which the others are copied.
        found["the first copy of a prepared lab"] = self.like_model("bench-first")
        self.labctl("destroy", "--yes", name="bench-first")
        found["create (`up --until os`)"] = self.up("bench-os", "--until", "os")
        self.labctl("destroy", "--yes", name="bench-os")
        found["`up` by the steps"] = self.up("bench-steps")
        self.labctl("destroy", "--yes", name="bench-steps")
        return found

    def measure(self, labs: int) -> Figures:
        """Copy the prepared lab so many times, and measure one of the copies beside the others."""
        names = [f"bench-{number}" for number in range(labs)]
        found = Figures(self.provider, labs)
        memory, disk = available_memory(), self.used_disk()
        begun = time.monotonic()
        on_each(names, self.like_model, at_once=_AT_ONCE)
        found.seconds[_COPIES] = time.monotonic() - begun
        os.sync()
        found.memory = (memory - available_memory()) / labs / 1e6
        found.disk = (self.used_disk() - disk) / labs / 1e6
        for title, words in _COMMANDS.items():
            found.seconds[title] = sorted(self.labctl(*words, name=names[0]) for _n in range(3))[1]
        on_each(names, self.destroy, at_once=_AT_ONCE)
        return found

    def destroy(self, name: str) -> None:
        self.labctl("destroy", "--yes", name=name)

    def destroy_all(self) -> None:
        """Also after a failure."""
        for name in list(self._labs):
            self.destroy(name)

    def up(self, name: str, *more: str) -> float:
        return self.labctl("up", "--provider", self.provider, *more, name=name)

    def like_model(self, name: str) -> float:
        """Make and start a lab as a copy of the prepared one, as `labctl class up` does."""
        return self._run("-c", _COPY, name, _MODEL, self.provider, name=name)


def available_memory() -> int:
    text = Path("/proc/meminfo").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024


def table_of_one(ones: Mapping[str, Mapping[str, float]]) -> str:
    rows = [f"| one lab | {' | '.join(ones)} |", "|---" * (len(ones) + 1) + "|"]
    for title in next(iter(ones.values())):
        cells = [f"{each[title]:.1f} s" for each in ones.values()]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def table(figures: list[Figures]) -> str:
    heads = [f"{each.provider}, {each.labs}" for each in figures]
    rows = [f"| labs | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for title in figures[0].seconds:
        cells = [f"{each.seconds[title]:.1f} s" for each in figures]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    rows.append("| memory a lab | " + " | ".join(f"{e.memory:.0f} MB" for e in figures) + " |")
    rows.append("| disk a lab | " + " | ".join(f"{e.disk:.1f} MB" for e in figures) + " |")
    return "\n".join(rows) + "\n"


@dataclass(frozen=True)
class Traffic:
    """MB between a client and the server over HTTPS, for one lab; the prepared pair's disk."""

    check: float
    reset: float
    stock: float


class Far:
    """A lab that is reached over HTTPS, for the bytes that pass."""

    NAME = "bench-far"

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        conf = daemon.folder / "far-client"
        conf.mkdir()
        self._env = {
            **daemon.client(conf),
            "XDG_STATE_HOME": str(daemon.folder / "state-far"),
            "LABCTL_NAME": self.NAME,
        }

    def measure(self, stock: float) -> Traffic:
        """Make the lab, measure, and remove it."""
        daemon = self._daemon
        lab_file = daemon.folder / "far.toml"
        lab_file.write_text('provider = "incus"\nremote = "far"\n', encoding="utf-8")
        self._labctl("up", "--lab", str(lab_file))
        check, reset = (self._bytes(words) for words in (("check",), ("reset", "--yes")))
        self._labctl("destroy", "--yes")
        return Traffic(check / 1e6, reset / 1e6, stock)

    def _bytes(self, words: Sequence[str]) -> int:
        before = self._passed()
        self._labctl(*words)
        return self._passed() - before

    def _passed(self) -> int:
        """The bytes that the loopback of the server's network has received."""
        text = run([*self._daemon.within, "cat", "/proc/net/dev"]).stdout
        line = next(line for line in text.splitlines() if line.strip().startswith("lo:"))
        return int(line.split()[1])

    def _labctl(self, *words: str) -> None:
        argv = [*self._daemon.within, sys.executable, "-m", "labctl", *words]
        run(argv, env=self._env, timeout=300)


# A member of a cluster as schools have them, and what of its memory is left for labs.
_MEMBER_CORES = 16
_MEMBER_GIB = 64
_FOR_LABS = 0.8
_SEATS = 300


def for_300(largest: Figures, traffic: Traffic) -> str:
    """What a class of 300 needs, computed from a run with fewer labs on these cores."""
    cores = os.cpu_count() or 1
    memory = largest.memory * _SEATS / 1000
    members = max(2, math.ceil(memory / (_MEMBER_GIB * 1.0737 * _FOR_LABS)))
    seat = largest.seconds[_COPIES] / largest.labs * cores
    minutes = seat * _SEATS / (members * _MEMBER_CORES) / 60
    grading = largest.seconds["`check`"] * cores
    rows = (
        ("memory of the labs", f"{memory:.0f} GB"),
        ("disk of the labs", f"{largest.disk * _SEATS / 1000:.1f} GB"),
        (
            f"members with {_MEMBER_CORES} cores and {_MEMBER_GIB} GiB, of which"
            f" {_FOR_LABS:.0%} are for labs; at least two",
            f"{members}",
        ),
        ("the first `class up`", f"{minutes:.1f} minutes"),
        (
            "grading of all seats once, at most",
            f"{grading * _SEATS / (members * _MEMBER_CORES) / 60:.1f} minutes",
        ),
        (
            "network: images and the prepared pair, once to each further member",
            f"{traffic.stock:.0f} MB",
        ),
        (
            "network: between the instructor and the cluster, grading of all seats",
            f"{traffic.check * _SEATS:.0f} MB",
        ),
        (
            "network: the same, reset of all seats",
            f"{traffic.reset * _SEATS:.0f} MB",
        ),
    )
    lines = [f"| {_SEATS} seats, **computed** | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {value} |" for what, value in rows)]) + "\n"


def growth(figures: list[Figures]) -> str:
    """A line for each provider and command, by the number of labs."""
    lines = {
        f"{provider}, {what}": {
            each.labs: each.seconds[title] for each in figures if each.provider == provider
        }
        for provider in sorted({each.provider for each in figures})
        for what, title in (("copies", _COPIES), ("check", "`check`"), ("reset", "`reset`"))
    }
    return picture("Seconds by the number of labs", lines)


def main() -> None:
    """Print Markdown tables on stdout."""
    parser = argparse.ArgumentParser(prog="make bench-incus", description=__doc__)
    parser.add_argument("--labs", type=int, nargs="+", default=[1, 5, 10])
    parser.add_argument("--into", type=Path, help="put the tables into this page, at its marks")
    parser.add_argument("--picture", type=Path, help="write the growth as SVG into this file")
    wanted = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    said = machine()
    with tempfile.TemporaryDirectory(prefix="lb-") as text, incus_daemon(Path(text)) as daemon:
        runners = [
            Runner("nspawn", daemon, daemon.folder / "state-nspawn"),
            Runner("incus", daemon, daemon.folder / "state-incus"),
        ]
        try:
            empty = runners[-1].used_disk()
            ones = {runner.provider: runner.measure_one() for runner in runners}
            stock = (runners[-1].used_disk() - empty) / 1e6
            figures: list[Figures] = []
            for count in sorted(wanted.labs):
                figures += [runner.measure(count) for runner in runners]
                print(table(figures), file=sys.stderr, flush=True)
            traffic = Far(daemon).measure(stock)
        finally:
            for runner in runners:
                runner.destroy_all()
    tables = (table_of_one(ones), table(figures), for_300(figures[-1], traffic))
    page = "\n".join([f"Measured on {said}\n", *tables]).rstrip("\n")
    print(page)
    if wanted.into is not None:
        put_into(wanted.into, page, mark="make bench-incus")
    if wanted.picture is not None:
        wanted.picture.write_text(growth(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
