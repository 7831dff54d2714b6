"""`labctl class undo`: restore the state of seats before their last reset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labctl.cli.class_options import (
    ClassName,
    SomeSeats,
    count_of,
    exit_if_failed,
    failed_seats,
    work,
)
from labctl.cli.confirm import confirm
from labctl.cli.options import AsJson, Yes
from labctl.i18n import _, ngettext

if TYPE_CHECKING:
    from labctl.classroom.work import SeatResult
    from labctl.reset import ResetResult


def undo(
    seat: SomeSeats,
    yes: Yes = False,
    class_name: ClassName = None,
    as_json: AsJson = False,
) -> None:
    from labctl.classroom import actions
    from labctl.classroom.roll import open_class
    from labctl.hint import Hint
    from labctl.render.classes import print_seats

    roll = open_class(class_name)
    seats = roll.chosen(seat)
    if not yes:
        labels = ", ".join(one.label for one in seats)
        confirm(_("Return {seats} to the state before the last reset?", seats=labels))
    results = work(seats, lambda one, progress: actions.undo(roll, one, progress), quiet=as_json)
    print_seats(
        "class undo",
        roll,
        results,
        _said(results),
        as_json=as_json,
        again=roll.command("undo", *failed_seats(results)),
        data=lambda done: {"checkpoint": done.checkpoint, "kept_as": done.kept_as},
        hint=Hint(
            _("the previous state is saved; a second undo reverts this one"),
            (roll.command("undo", *seat),),
        ),
    )
    exit_if_failed(results)


def _said(results: Sequence[SeatResult[ResetResult]]) -> str:
    """What was undone: resets, and undos that were undone in turn."""
    back = [each for each in results if each.value and each.value.takes_back_undo]
    others = [each for each in results if each not in back]
    lines = []
    if others:
        lines.append(
            ngettext(
                "{count} seat is back in the state before its reset",
                "{count} seats are back in the state before their reset",
                len(others),
                count=count_of(others),
            )
        )
    if back:
        labels = ", ".join(each.seat.label for each in back)
        lines.append(_("this reverted the last undo: {seats}", seats=labels))
    return "\n".join(lines)
