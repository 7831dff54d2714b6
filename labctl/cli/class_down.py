"""`labctl class down`: stop the labs of seats."""

from __future__ import annotations

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


def down(seat: Seats = None, class_name: ClassName = None, as_json: AsJson = False) -> None:
    from labctl.classroom.life import class_to_remove, halt_seat
    from labctl.hint import Hint
    from labctl.render.classes import print_seats

    roll = class_to_remove(class_name)
    results = work(
        roll.chosen(seat or []),
        lambda one, progress: halt_seat(roll, one, progress),
        quiet=as_json,
    )
    print_seats(
        "class down",
        roll,
        results,
        ngettext(
            "{count} seat is stopped",
            "{count} seats are stopped",
            len(results),
            count=count_of(results),
        ),
        as_json=as_json,
        again=roll.command("down", *failed_seats(results)),
        data=lambda existed: {"existed": existed},
        hint=Hint(_("this starts them again"), (roll.command("up", *(seat or ())),)),
    )
    exit_if_failed(results)
