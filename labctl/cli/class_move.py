"""`labctl class move`: move seats to another machine of a cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli.class_options import (
    ClassName,
    SomeSeats,
    count_of,
    exit_if_failed,
    failed_seats,
    work,
)
from labctl.cli.options import AsJson
from labctl.i18n import _, ngettext


def move(
    seat: SomeSeats,
    to: Annotated[str, typer.Option("--to", help=_("The cluster member."), metavar="MEMBER")],
    class_name: ClassName = None,
    as_json: AsJson = False,
) -> None:
    from labctl.classroom import actions
    from labctl.classroom.roll import open_class
    from labctl.render.classes import print_seats

    roll = open_class(class_name)
    seats = roll.chosen(seat)
    results = work(
        seats, lambda one, progress: actions.move(roll, one, to, progress), quiet=as_json
    )
    print_seats(
        "class move",
        roll,
        results,
        ngettext(
            "{count} seat is on {member}",
            "{count} seats are on {member}",
            len(results),
            count=count_of(results),
            member=to,
        ),
        as_json=as_json,
        again=roll.command("move", *failed_seats(results), "--to", to),
        data=lambda changed: {"changed": changed},
    )
    exit_if_failed(results)
