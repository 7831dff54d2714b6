"""`labctl class init`: describe a class as data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labctl.cli.class_options import Remote, SeatCount, Students
from labctl.cli.options import AsJson, Until, ensure_apart
from labctl.i18n import _


def init(
    name: Annotated[str, typer.Argument(help=_("Name of the class."))],
    seats: SeatCount = None,
    students: Students = None,
    edition: Annotated[str | None, typer.Option(help=_("The edition of the book."))] = None,
    lab: Annotated[
        Path | None, typer.Option(help=_("A lab file for all seats."), dir_okay=False)
    ] = None,
    remote: Remote = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    from labctl.classroom.life import make_class
    from labctl.classroom.students import read_students
    from labctl.errors import WrongUsage
    from labctl.hint import commands
    from labctl.render.classes import print_roll

    ensure_apart(("--edition", edition), ("--lab", lab))
    ensure_apart(("--remote", remote), ("--lab", lab))
    people = read_students(students) if students is not None else {}
    count = seats or max(people, default=0)
    again = ("labctl", "class", "init", name, "--seats")
    if not count:
        raise WrongUsage(_("how many seats?"), hint=commands([*again, "30"]))
    if people and max(people) > count:
        raise WrongUsage(
            _("there are more students than seats"),
            cause=_("the last student sits at {number}", number=max(people)),
            hint=commands([*again, str(max(people)), "--students", str(students)]),
        )
    roll = make_class(
        name, count, people, edition=edition, lab_file=lab, until=until, remote=remote
    )
    print_roll(roll, as_json=as_json)
