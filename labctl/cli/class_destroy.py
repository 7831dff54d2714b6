"""`labctl class destroy`: remove the labs of all seats."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli.class_options import ClassName, count_of, work
from labctl.cli.confirm import confirm
from labctl.cli.options import AsJson, Yes, exit_unless
from labctl.i18n import _, ngettext

if TYPE_CHECKING:
    from labctl.classroom.roll import Roll


def destroy(
    forget: Annotated[
        bool,
        typer.Option("--forget", help=_("Also forget names, codes, notes and history.")),
    ] = False,
    yes: Yes = False,
    class_name: ClassName = None,
    as_json: AsJson = False,
) -> None:
    from labctl.classroom.board_lock import without_board
    from labctl.classroom.life import class_to_remove, seats_to_destroy

    roll = class_to_remove(class_name)
    with without_board(roll) if forget else nullcontext():
        if not yes:
            _ask(len(seats_to_destroy(roll)), forget=forget)
        is_done = _destroy(roll, forget=forget, as_json=as_json)
    exit_unless(is_done)


def _ask(seats: int, *, forget: bool) -> None:
    if forget:
        confirm(
            _("Remove all labs with the work in them, and all names, codes, notes and history?")
        )
        return
    confirm(
        ngettext(
            "Remove the lab of {count} seat with the work in it?",
            "Remove the labs of all {count} seats with the work in them?",
            seats,
        )
    )


def _destroy(roll: Roll, *, forget: bool, as_json: bool) -> bool:
    """Whether all labs are gone."""
    from labctl.classroom.forget import forget_group
    from labctl.classroom.life import destroy_model, destroy_seat, seats_to_destroy
    from labctl.hint import Hint
    from labctl.render.classes import print_seats

    option = ("--forget",) if forget else ()
    again = roll.command("destroy", *option)
    if forget:
        roll = forget_group(roll)
    seats = seats_to_destroy(roll)
    results = work(seats, destroy_seat, quiet=as_json)
    model = destroy_model(roll)
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
        again=again,
        data=lambda existed: {"existed": existed},
        hint=Hint(
            _("the class is kept; these build its labs again, or remove it too"),
            (roll.command("up"), roll.command("end")),
        ),
        model=model,
    )
    return model.error is None and all(result.ok for result in results)
