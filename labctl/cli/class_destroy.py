"""`labctl class destroy`: remove the labs of all seats."""

from __future__ import annotations

from labctl.cli.class_options import ClassName, count_of, exit_if_failed, work
from labctl.cli.confirm import confirm
from labctl.cli.options import AsJson, Yes
from labctl.i18n import _, ngettext


def destroy(yes: Yes = False, class_name: ClassName = None, as_json: AsJson = False) -> None:
    from labctl.classroom.life import destroy_model, destroy_seat, seats_to_destroy
    from labctl.classroom.roll import open_class
    from labctl.hint import Hint
    from labctl.render.classes import print_seats

    roll = open_class(class_name)
    seats = seats_to_destroy(roll)
    if not yes:
        confirm(
            ngettext(
                "Remove the lab of {count} seat with the work in it?",
                "Remove the labs of all {count} seats with the work in them?",
                len(seats),
            )
        )
    results = work(seats, destroy_seat, quiet=as_json)
    destroy_model(roll)
    print_seats(
        "class destroy",
        roll,
        results,
        ngettext(
            "the lab of {count} seat was removed",
            "the labs of {count} seats were removed",
            len(results),
            count=count_of(results),
        ),
        as_json=as_json,
        again=roll.command("destroy"),
        data=lambda existed: {"existed": existed},
        hint=Hint(
            _("the class is kept; these build its labs again, or remove it too"),
            (roll.command("up"), roll.command("end")),
        ),
    )
    exit_if_failed(results)
