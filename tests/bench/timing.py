"""The measured figures by name, and their Markdown tables."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Unit:
    """The unit in which a figure is shown. Figures are stored in seconds or bytes."""

    sign: str
    of: float = 1.0
    digits: int = 2

    def show(self, value: float) -> str:
        return f"{value / self.of:.{self.digits}f} {self.sign}"


SECONDS = Unit("s")
MEGABYTES = Unit("MB", 1e6, 1)


@dataclass(frozen=True)
class Aim:
    """A figure or ratio that must be at most `bound` (with `least`, at least `bound`)."""

    what: str
    figure: str
    by: str = ""
    bound: float = 0.0
    least: bool = False


class Measures:
    """All figures of one run. Each name has its values in the order of the rounds."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}
        self._units: dict[str, Unit] = {}

    def add(self, name: str, value: float, unit: Unit = SECONDS) -> None:
        """Store a value and report it on stderr, because a run takes long."""
        self._values.setdefault(name, []).append(value)
        self._units[name] = unit
        print(f"{time.strftime('%H:%M:%S')}  {name}: {unit.show(value)}", file=sys.stderr)

    def time(self, name: str, action: Callable[[], object]) -> None:
        """Store the duration of the action in seconds."""
        begun = time.monotonic()
        action()
        self.add(name, time.monotonic() - begun)

    def has(self, name: str) -> bool:
        """Whether the figure was measured."""
        return name in self._values

    def median(self, name: str) -> float:
        return statistics.median(self._values[name])

    def ratio(self, name: str, by: str) -> float:
        """The median of the ratios of the rounds. A slow moment affects both values of a round."""
        pairs = zip(self._values[name], self._values[by], strict=False)
        return statistics.median(mine / other for mine, other in pairs)

    def figures(self) -> list[str]:
        """The table of all figures."""
        rows = ["| what | runs | min | median | max |", "|---|---|---|---|---|"]
        for name, values in self._values.items():
            show = self._units[name].show
            shown = (show(min(values)), show(self.median(name)), show(max(values)))
            rows.append(f"| {name} | {len(values)} | {' | '.join(shown)} |")
        return rows

    def ratios(self, pairs: list[tuple[str, str]]) -> list[str]:
        """The table of ratios, of the pairs that were measured."""
        rows = ["| ratio | median |", "|---|---|"]
        for name, by in pairs:
            if name in self._values and by in self._values:
                rows.append(f"| {name} / {by} | {self.ratio(name, by):.2f} |")
        return rows

    def aims(self, aims: list[Aim]) -> list[str]:
        """The table of aims, each reached or not."""
        rows = ["| aim | bound | measured | |", "|---|---|---|---|"]
        for aim in aims:
            if aim.figure not in self._values or (aim.by and aim.by not in self._values):
                continue
            if aim.by:
                found, unit = self.ratio(aim.figure, aim.by), Unit("times")
            else:
                found, unit = self.median(aim.figure), self._units[aim.figure]
            reached = found >= aim.bound if aim.least else found <= aim.bound
            bound = ("at least " if aim.least else "at most ") + unit.show(aim.bound)
            said = "reached" if reached else "**not reached**"
            rows.append(f"| {aim.what} | {bound} | {unit.show(found)} | {said} |")
        return rows


def machine() -> str:
    """The date, the machine and its load. Figures from a busy machine mean little."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores ({model}), "
        f"{memory / 2**30:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {load}"
    )


def put_into(page: Path, text: str, mark: str = "make bench") -> None:
    """Replace what is between the line `<!-- MARK -->` of a page and the next `<!-- end -->`."""
    begin, end = f"<!-- {mark} -->", "<!-- end -->"
    before, _between, rest = page.read_text(encoding="utf-8").partition(begin)
    _old, _end, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
