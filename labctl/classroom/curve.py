"""A class's progress over time, from the changes in its history."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.classroom.history import Change
from labctl.classroom.protocol import Curve
from labctl.classroom.rows import CellState

# Seconds without a change after which another lesson begins.
BREAK_SECONDS = 2 * 3600.0
# Seconds that become one point.
_GRAIN = 5.0


def curve(changes: Sequence[Change], sections: int, seats: int) -> Curve:
    """The points of the last lesson; the first one is how it began."""
    state: dict[tuple[int, str], CellState] = {}
    points: list[tuple[float, int, int]] = []
    last = 0.0
    for change in changes:
        if change.at - last > BREAK_SECONDS:
            points = []
        last = change.at
        if change.seat > seats:
            continue
        state[change.seat, change.step] = change.state
        point = (change.at, *_counts(state, sections))
        if points and change.at - points[-1][0] < _GRAIN and len(points) > 1:
            points[-1] = (points[-1][0], point[1], point[2])
        else:
            points.append(point)
    return Curve(points=tuple(points), sections=sections, seats=seats)


def _counts(state: dict[tuple[int, str], CellState], sections: int) -> tuple[int, int]:
    right: dict[int, int] = {}
    for (seat, _step), found in state.items():
        right[seat] = right.get(seat, 0) + (found is CellState.RIGHT)
    return sum(right.values()), sum(count == sections for count in right.values())
