"""The class's progress as a picture: what the template draws, in its own coordinates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from labctl.classroom.protocol import Curve

WIDTH, HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 16, 12, 28
# Seconds between two marks of the time axis, the first that gives at most eight.
_STEPS = (60, 300, 600, 900, 1800, 3600, 7200)


@dataclass(frozen=True)
class Mark:
    """A line of the grid with its label, at a coordinate."""

    at: float
    label: str


@dataclass(frozen=True)
class Picture:
    """A curve of the share of right sections, as points of a polyline and of the area below."""

    line: str
    area: str
    hours: tuple[Mark, ...]
    shares: tuple[Mark, ...]
    percent: int
    done: int
    seats: int
    is_empty: bool

    width, height = WIDTH, HEIGHT
    left, right, top, bottom = _LEFT, WIDTH - _RIGHT, _TOP, HEIGHT - _BOTTOM


def picture_of(curve: Curve, now: float | None = None) -> Picture:
    """The picture of a class's curve up to `now`, in seconds of the epoch."""
    now = time.time() if now is None else now
    most = max(1, curve.sections * curve.seats)
    times = _forward(at for at, _right, _done in curve.points)
    now = max([now, *times])
    begin = times[0] if times else now - 60
    span = max(60.0, now - begin)

    def across(at: float) -> float:
        return _LEFT + (at - begin) / span * (WIDTH - _LEFT - _RIGHT)

    def up(right: float) -> float:
        return HEIGHT - _BOTTOM - right / most * (HEIGHT - _TOP - _BOTTOM)

    corners: list[tuple[float, float]] = []
    for at, (_at, right, _done) in zip(times, curve.points, strict=True):
        if corners:
            # A section becomes right at a moment, not slowly.
            corners.append((across(at), corners[-1][1]))
        corners.append((across(at), up(right)))
    if corners:
        corners.append((across(now), corners[-1][1]))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    floor = up(0)
    area = f"{_LEFT},{floor} {line} {across(now):.1f},{floor}" if corners else ""
    last = curve.points[-1] if curve.points else (now, 0, 0)
    return Picture(
        line=line,
        area=area,
        hours=tuple(_hours(begin, now, across)),
        shares=tuple(Mark(up(most * share / 100), f"{share}%") for share in (0, 25, 50, 75, 100)),
        percent=round(100 * last[1] / most),
        done=last[2],
        seats=curve.seats,
        is_empty=not curve.points,
    )


def _forward(times: Iterable[float]) -> list[float]:
    """The times without a way back, as if the clock had stopped when it was set back."""
    return list(accumulate(times, max))


def _hours(begin: float, now: float, across: Callable[[float], float]) -> Iterator[Mark]:
    step = next((each for each in _STEPS if (now - begin) / each <= 8), _STEPS[-1])
    at = (begin // step + 1) * step
    while at <= now:
        yield Mark(across(at), datetime.fromtimestamp(at).strftime("%H:%M"))
        at += step
