"""`labctl class net`: the internet access of seats."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli.class_options import (
    ClassName,
    Seats,
    count_of,
    exit_if_failed,
    failed_seats,
    work,
)
from labctl.cli.net import Way
from labctl.cli.options import AsJson
from labctl.i18n import _, ngettext


def net(
    way: Annotated[Way, typer.Argument(help=_("open or close."), metavar="open|close")],
    seat: Seats = None,
    class_name: ClassName = None,
    as_json: AsJson = False,
) -> None:
    from labctl.classroom import actions
    from labctl.classroom.roll import open_class
    from labctl.render.classes import print_seats

    roll = open_class(class_name)
    is_open = way is Way.OPEN
    results = work(
        roll.chosen(seat or []),
        lambda one, _progress: actions.set_net(roll, one, is_open=is_open),
        quiet=as_json,
    )
    count = count_of(results)
    print_seats(
        "class net",
        roll,
        results,
        ngettext(
            "internet access for packages is open at {count} seat",
            "internet access for packages is open at {count} seats",
            len(results),
            count=count,
        )
        if is_open
        else ngettext(
            "internet access is closed at {count} seat",
            "internet access is closed at {count} seats",
            len(results),
            count=count,
        ),
        as_json=as_json,
        again=roll.command("net", way.value, *failed_seats(results)),
        data=lambda now: {"open": now},
    )
    exit_if_failed(results)
