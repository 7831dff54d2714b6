"""How long labs take on Incus, beside the same labs in nspawn containers, in one run.

    python -m tests.incus.bench [--sizes 1,5,10] [--into FOLDER]

Prints a table in Markdown; FOLDER gets the figures as JSON and a picture of their growth. The
daemon is the tests' own; labs are made two at a time. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labctl.parallel import on_each
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
        return self._run("-m", "labctl", *args, name=name)

    def _run(self, *args: str, name: str) -> float:
        begun = time.monotonic()
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
        found.seconds["copies of a prepared lab, all"] = time.monotonic() - begun
        os.sync()
        found.memory = (memory - available_memory()) / labs / 1e6
        found.disk = (self.used_disk() - disk) / labs / 1e6
        for title, words in _COMMANDS.items():
            found.seconds[title] = sorted(self.labctl(*words, name=names[0]) for _n in range(3))[1]
        on_each(names, self.destroy, at_once=_AT_ONCE)
        return found

    def destroy(self, name: str) -> None:
        self.labctl("destroy", "--yes", name=name)

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


def picture(figures: list[Figures], title: str, value: Callable[[Figures], float]) -> str:
    """A line for each provider: labs to the right, the value upward."""
    width, height, edge = 420, 240, 46
    most_labs = max(each.labs for each in figures)
    most = max(value(each) for each in figures) or 1
    lines = []
    for number, provider in enumerate(sorted({each.provider for each in figures})):
        mine = [each for each in figures if each.provider == provider]
        points = [
            (
                edge + each.labs / most_labs * (width - 2 * edge),
                height - edge - value(each) / most * (height - 2 * edge),
            )
            for each in mine
        ]
        colour = ("#1f6feb", "#bf5700")[number]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), each in zip(points, mine, strict=True):
            lines.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{colour}"/>')
            label = f"{value(each):.0f}"
            lines.append(f'<text x="{x + 5:.0f}" y="{y - 5:.0f}" fill="{colour}">{label}</text>')
        lines.append(
            f'<text x="{edge + 6}" y="{edge + 14 * number}" fill="{colour}">{provider}</text>'
        )
    base = height - edge
    marks = "".join(
        f'<text x="{edge + n / most_labs * (width - 2 * edge):.0f}" y="{base + 16}" '
        f'text-anchor="middle">{n}</text>'
        for n in sorted({each.labs for each in figures})
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
        f'<text x="{edge}" y="20" font-size="13">{title}</text>\n'
        f'<path d="M{edge} {edge - 10}V{base}H{width - edge + 10}" fill="none" stroke="#888"/>\n'
        + "\n".join(lines)
        + f'\n{marks}<text x="{width / 2:.0f}" y="{height - 10}" text-anchor="middle">labs</text>\n'
        "</svg>\n"
    )


def write(folder: Path, figures: list[Figures]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps([vars(each) for each in figures], indent=1)
    (folder / "figures.json").write_text(text, encoding="utf-8")
    copies = "copies of a prepared lab, all"
    for name, title, value in (
        ("seconds", f"{copies}: seconds", lambda each: each.seconds[copies]),
        ("memory", "memory of all labs: MB", lambda each: each.memory * each.labs),
        ("disk", "disk of all labs: MB", lambda each: each.disk * each.labs),
    ):
        (folder / f"{name}.svg").write_text(picture(figures, title, value), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1,5,10")
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    with tempfile.TemporaryDirectory(prefix="lb-") as text, incus_daemon(Path(text)) as daemon:
        state = {"XDG_STATE_HOME": str(daemon.folder / "state"), "LC_ALL": "C.UTF-8"}
        runners = [
            Runner("nspawn", state, daemon.folder / "state", daemon),
            Runner("incus", {**state, **daemon.env}, daemon.folder / "state", daemon),
        ]
        load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
        print(f"{os.cpu_count()} cores, load before {load}\n", flush=True)
        ones = {runner.provider: runner.measure_one() for runner in runners}
        print(table_of_one(ones), flush=True)
        figures: list[Figures] = []
        for size in sizes:
            figures += [runner.measure(size) for runner in runners]
            # As far as the time went.
            print(table(figures), flush=True)
            if options.into:
                write(options.into, figures)
        for runner in runners:
            runner.destroy(_MODEL)
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    print(f"load after {load}")


if __name__ == "__main__":
    main()
