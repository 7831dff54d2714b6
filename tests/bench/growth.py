"""How times grow with the number of seats, as a picture in SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

# By the number of seats: seconds.
Series = Mapping[int, float]
_Scale = Callable[[float], float]

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 190, 24, 48
# Distinct without colour perception (Okabe and Ito), and by their dashes.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000")
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4", "1 4")


def picture(title: str, series: Mapping[str, Series]) -> str:
    """A line for each name. A straight line through 0 would be exactly linear growth."""
    counts = sorted({count for line in series.values() for count in line})
    most = max((value for line in series.values() for value in line.values()), default=1.0)
    top = _rounded(most)

    def x(count: float) -> float:
        return _LEFT + count / counts[-1] * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for share in range(6):
        value = top * share / 5
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="#ddd"/><text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" '
            f'text-anchor="end">{value:g} s</text>'
        )
    for count in counts:
        parts.append(
            f'<text x="{x(count):.1f}" y="{_HEIGHT - _BOTTOM + 18}" '
            f'text-anchor="middle">{count}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 10}" text-anchor="middle">seats</text>')
    parts += _lines(series, x, y)
    return "\n".join([*parts, "</svg>", ""])


def _lines(series: Mapping[str, Series], x: _Scale, y: _Scale) -> list[str]:
    found = []
    ends = _apart([y(line[max(line)]) for line in series.values()])
    for (name, line), end, colour, dashes in zip(
        series.items(), ends, _COLOURS, _DASHES, strict=False
    ):
        points = " ".join(f"{x(count):.1f},{y(line[count]):.1f}" for count in sorted(line))
        found.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dashes}"/>'
        )
        found += [
            f'<circle cx="{x(count):.1f}" cy="{y(line[count]):.1f}" r="3" fill="{colour}"/>'
            for count in line
        ]
        last = f"{name}: {line[max(line)]:.1f} s"
        found.append(
            f'<text x="{_WIDTH - _RIGHT + 10}" y="{end + 4:.1f}" fill="{colour}">'
            f"{escape(last)}</text>"
        )
    return found


def _apart(places: Sequence[float], least: float = 16.0) -> list[float]:
    """The places of labels, moved so that none covers another; from the lowest one upwards."""
    moved = list(places)
    before = float("inf")
    for index in sorted(range(len(places)), key=lambda each: -places[each]):
        moved[index] = before = min(places[index], before - least)
    return moved


def _rounded(value: float) -> float:
    """The next larger number that divides well by five."""
    step = 5.0
    while step * 10 < value:
        step *= 2
    return -(-value // step) * step
