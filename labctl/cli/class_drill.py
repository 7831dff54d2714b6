"""`labctl class drill`: the same exercise at many seats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from labctl.cli.class_options import (
    ClassName,
    DrillName,
    Seats,
    count_of,
    exit_if_failed,
    failed_seats,
    work,
)
from labctl.cli.commands import Group
from labctl.cli.options import AsJson
from labctl.i18n import _, ngettext

if TYPE_CHECKING:
    from labctl.classroom.work import SeatResult

app = typer.Typer(
    cls=Group,
    help=_("Start a drill at seats."),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def top() -> None:
    """Keep `start` a word of its own."""


@app.command("start", help=_("Break one thing at each seat; labctl drill list shows the names."))
def start(
    drill: DrillName,
    seat: Seats = None,
    class_name: ClassName = None,
    as_json: AsJson = False,
) -> None:
    from labctl.classroom import actions
    from labctl.classroom.roll import lab_of, open_class
    from labctl.drills.exercise import pick
    from labctl.hint import Hint
    from labctl.render.classes import print_seats

    roll = open_class(class_name)
    seats = roll.chosen(seat or [])
    lab = lab_of(roll)
    # A wrong name is told once, and not for each seat.
    chosen = pick(drill, None, lab)
    results = work(
        seats,
        lambda one, progress: actions.start_drill(roll, one, chosen.name, progress),
        quiet=as_json,
    )
    symptom = chosen.symptom_in(lab)
    print_seats(
        "class drill start",
        roll,
        results,
        _said(drill, symptom, results),
        as_json=as_json,
        again=roll.command("drill", "start", drill, *failed_seats(results)),
        data=lambda started: {"drill": started.name, "symptom": started.symptom},
        hint=Hint(
            _("these grade the seats, and repair one"),
            (
                roll.command("check"),
                ("labctl", "drill", "solve", "--name", seats[0].lab_name),
            ),
        ),
    )
    exit_if_failed(results)


def _said(drill: str, symptom: str, results: Sequence[SeatResult[Any]]) -> str:
    active = ngettext(
        "the drill {name} is active at {count} seat",
        "the drill {name} is active at {count} seats",
        len(results),
        count=count_of(results),
        name=drill,
    )
    return f"{active}\n{symptom}"
