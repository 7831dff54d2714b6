"""`labctl class end`: the end of the course."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.cli.class_options import ClassName, work
from labctl.cli.confirm import confirm
from labctl.cli.options import AsJson, Yes, exit_unless
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.classroom.roll import Roll


def end(yes: Yes = False, class_name: ClassName = None, as_json: AsJson = False) -> None:
    from labctl.classroom.board_lock import without_board
    from labctl.classroom.life import class_to_remove

    roll = class_to_remove(class_name)
    # A board would go on with the codes of a class that is gone.
    with without_board(roll):
        if not yes:
            confirm(
                _(
                    "End the class {name}: remove its labs, names, codes and history?",
                    name=roll.name,
                )
            )
        is_done = _end(roll, as_json=as_json)
    exit_unless(is_done)


def _end(roll: Roll, *, as_json: bool) -> bool:
    """Whether nothing is left."""
    from labctl.classroom.handed_out import still_there
    from labctl.classroom.life import (
        destroy_model,
        destroy_seat,
        forget_names,
        remove_class,
        seats_to_destroy,
    )
    from labctl.render.classes import print_seats

    again = roll.command("end")
    # First of all: whatever fails afterwards, no name is left.
    roll = forget_names(roll)
    results = work(seats_to_destroy(roll), destroy_seat, quiet=as_json)
    model = destroy_model(roll)
    done = model.error is None and all(result.ok for result in results)
    left = still_there(roll)
    if done:
        remove_class(roll)
    print_seats(
        "class end",
        roll,
        results,
        _said(roll, left) if done else _("the names are removed, but not all labs"),
        as_json=as_json,
        again=again,
        data=lambda existed: {"existed": existed},
        extra={"left": [str(path) for path in left]},
        model=model,
    )
    return done


def _said(roll: Roll, left: Sequence[Path]) -> str:
    """That the class has ended, and the files with codes or keys that are outside of its folder."""
    ended = _(
        "the class {name} has ended: labs, names, codes and history are removed", name=roll.name
    )
    if not left:
        return ended
    text = _("remove these yourself; they contain names, codes or keys:")
    return "\n".join([ended, text, *(f"  {path}" for path in left)])
