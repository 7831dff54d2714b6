"""`labctl class reset`: return seats to a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import completion
from labctl.cli.class_options import (
    ClassName,
    Seats,
    count_of,
    exit_if_failed,
    failed_seats,
    work,
)
from labctl.cli.confirm import confirm
from labctl.cli.options import AsJson, Yes, ensure_apart
from labctl.i18n import _, ngettext

if TYPE_CHECKING:
    from labctl.classroom.roll import Roll, Seat
    from labctl.classroom.work import SeatResult
    from labctl.reset import ResetResult


def reset(
    seat: Seats = None,
    every: Annotated[bool, typer.Option("--all", help=_("All seats."))] = False,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="CHECKPOINT",
            help=_("os, dns, packages, ready or a step."),
            autocompletion=completion.steps,
        ),
    ] = None,
    yes: Yes = False,
    class_name: ClassName = None,
    as_json: AsJson = False,
) -> None:
    from labctl.classroom import actions
    from labctl.classroom.roll import lab_of, open_class
    from labctl.engine import steps_until
    from labctl.reset import is_kept
    from provision.step import WHOLE

    roll = open_class(class_name)
    seats = _named_seats(roll, seat or [], every=every)
    if to is not None and not is_kept(to):
        # A wrong name is told once, and not for each seat.
        steps_until(to, lab_of(roll))
    goal = to or roll.until or WHOLE
    if not yes:
        named = (
            ngettext("{count} seat", "all {count} seats", len(seats))
            if every
            else ", ".join(one.label for one in seats)
        )
        confirm(_("Return {seats} to {name}?", seats=named, name=goal))
    results = work(
        seats, lambda one, progress: actions.reset(roll, one, to, progress), quiet=as_json
    )
    _print(roll, results, to, goal, as_json=as_json)
    exit_if_failed(results)


def _named_seats(roll: Roll, seat: Sequence[str], *, every: bool) -> tuple[Seat, ...]:
    """The seats that the command line names. A reset of all seats has to be asked for."""
    from labctl.errors import WrongUsage
    from labctl.hint import Hint

    ensure_apart((f"SEAT {' '.join(seat)}", seat), ("--all", every))
    if not seat and not every:
        raise WrongUsage(
            _("which seats?"),
            hint=Hint("", (roll.command("reset", "7"), roll.command("reset", "--all"))),
        )
    return roll.chosen(seat)


def _print(
    roll: Roll,
    results: Sequence[SeatResult[ResetResult]],
    to: str | None,
    goal: str,
    *,
    as_json: bool,
) -> None:
    from labctl.hint import Hint
    from labctl.render.classes import print_seats

    target = () if to is None else ("--to", to)
    print_seats(
        "class reset",
        roll,
        results,
        ngettext(
            "{count} seat is back at {name}",
            "{count} seats are back at {name}",
            len(results),
            count=count_of(results),
            name=goal,
        ),
        as_json=as_json,
        again=roll.command("reset", *failed_seats(results), *target),
        data=lambda done: {"checkpoint": done.checkpoint, "kept_as": done.kept_as},
        hint=Hint(
            _("the previous states are saved; this restores one"),
            (roll.command("undo", results[0].seat.label),),
        ),
    )
