"""Hints of a lab, as they are typed for a seat of a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from labctl.classroom.roll import Roll, Seat
from labctl.hint import Hint


def hint_of_class(hint: Hint, roll: Roll, seats: Sequence[Seat] = ()) -> Hint:
    """The hint with `labctl class up`, which makes a seat like the others, for `labctl up`.

    Args:
        seats: The seats to bring up, by default all.
    """
    some = seats if len(seats) < len(roll.seats) else ()
    up = roll.command("up", *(seat.label for seat in some))
    return replace(
        hint, commands=tuple(up if each[:2] == ("labctl", "up") else each for each in hint.commands)
    )
