"""`labctl class status`: show what exists of a class."""

from __future__ import annotations

from labctl.cli.class_options import ClassName, Seats, exit_if_failed, work
from labctl.cli.options import AsJson


def status(seat: Seats = None, class_name: ClassName = None, as_json: AsJson = False) -> None:
    from labctl.classroom.roll import open_class
    from labctl.classroom.status import look_at_seat
    from labctl.render.classes import print_class_status

    roll = open_class(class_name)
    results = work(
        roll.chosen(seat or []),
        lambda one, _progress: look_at_seat(roll, one),
        quiet=True,
    )
    print_class_status(roll, results, as_json=as_json)
    exit_if_failed(results)
