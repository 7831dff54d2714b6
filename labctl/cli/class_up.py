"""`labctl class up`: build and start the labs of all seats."""

from __future__ import annotations

import time

from labctl.cli.class_options import (
    ClassName,
    Seats,
    count_of,
    exit_if_failed,
    failed_seats,
    work,
)
from labctl.cli.options import AsJson
from labctl.i18n import _, ngettext


def up(seat: Seats = None, class_name: ClassName = None, as_json: AsJson = False) -> None:
    from labctl.classroom.capacity import ensure_room
    from labctl.classroom.hints import hint_of_class
    from labctl.classroom.life import bring_up_seat, prepare_model
    from labctl.classroom.roll import open_class
    from labctl.commands import hint_for_lab
    from labctl.errors import LabError
    from labctl.hint import Hint
    from labctl.render.class_progress import ClassLive
    from labctl.render.classes import print_seats

    roll = open_class(class_name)
    seats = roll.chosen(seat or [])
    ensure_room(roll, seats)
    begun = time.monotonic()
    with ClassLive(seats, quiet=as_json) as live:
        live.note(_("preparing the model from which the seats are copied"))
        try:
            model = prepare_model(roll, live.progress)
        except LabError as error:
            error.hint = hint_for_lab(hint_of_class(error.hint, roll), roll.model_name)
            raise
        results = work(
            seats,
            lambda one, progress: bring_up_seat(roll, one, model, progress),
            quiet=as_json,
            live=live,
        )
    print_seats(
        "class up",
        roll,
        results,
        ngettext(
            "{count} seat is running ({seconds:.1f} s)",
            "{count} seats are running ({seconds:.1f} s)",
            len(results),
            count=count_of(results),
            seconds=time.monotonic() - begun,
        ),
        as_json=as_json,
        again=roll.command("up", *failed_seats(results)),
        data=lambda complete: {"complete": complete},
        extra={"model": roll.model_name},
        hint=Hint("", (roll.command("cards"), roll.command("check"))),
    )
    exit_if_failed(results)
