"""`labctl drill`: find and repair what labctl broke."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import completion
from labctl.cli.commands import Group
from labctl.cli.options import DEFAULT_NAME, AsJson, Name, ensure_apart, exit_unless
from labctl.i18n import _

app = typer.Typer(
    cls=Group,
    help=_("Find and repair what labctl broke on purpose."),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list", help=_("List the drills."))
def list_drills(name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.drills.catalogue import drills_of
    from labctl.render.drill import print_drills
    from labctl.session import open_lab

    lab = open_lab(name).lab
    print_drills(drills_of(lab), lab, as_json=as_json)


@app.command("start", help=_("Break one thing in the lab, and show what a user reports."))
def start(
    drill: Annotated[
        str | None, typer.Argument(help=_("Name of the drill."), autocompletion=completion.drills)
    ] = None,
    at_random: Annotated[bool, typer.Option("--random", help=_("Pick a drill at random."))] = False,
    level: Annotated[
        int | None, typer.Option(min=1, max=3, help=_("Pick a drill of this level, 1 to 3."))
    ] = None,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.drills import exercise
    from labctl.errors import WrongUsage
    from labctl.hint import commands
    from labctl.lock import locked
    from labctl.render.drill import print_symptom
    from labctl.render.progress import Live
    from labctl.session import open_session

    ensure_apart((str(drill), drill), ("--random", at_random))
    ensure_apart((str(drill), drill), ("--level", level))
    if drill is None and level is None and not at_random:
        raise WrongUsage(
            _("which drill?"), hint=commands("labctl drill list", "labctl drill start --random")
        )
    session = open_session(name)
    chosen = exercise.pick(drill, level, session.lab)
    session.ensure_up()
    with (
        locked(session.home),
        Live(session.lab, quiet=as_json, fleeting=True) as live,
        session.targets() as targets,
    ):
        exercise.start(session, targets, chosen, live.progress)
    print_symptom(chosen, session.lab, hidden=drill is None, as_json=as_json)


@app.command("hint", help=_("Give the next hint."))
def hint(name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.drills import exercise
    from labctl.render.drill import print_hint
    from labctl.session import open_session

    print_hint(*exercise.next_hint(open_session(name)), as_json=as_json)


@app.command("check", help=_("Check whether the lab is repaired."))
def check(name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.drills import exercise
    from labctl.render.drill import print_attempt
    from labctl.render.progress import Live
    from labctl.session import open_session

    session = open_session(name)
    exercise.running(session.home)
    session.ensure_up()
    with Live(session.lab, quiet=as_json, fleeting=True) as live, session.targets() as targets:
        attempt = exercise.look(session, targets, live.progress)
    print_attempt(attempt, session.lab, as_json=as_json)
    exit_unless(attempt.mended)


@app.command("solve", help=_("Repair the lab, and explain the cause."))
def solve(name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.drills import exercise
    from labctl.lock import locked
    from labctl.render.drill import print_solution
    from labctl.render.progress import Live
    from labctl.session import open_session

    session = open_session(name)
    exercise.running(session.home)
    session.ensure_up()
    with (
        locked(session.home),
        Live(session.lab, quiet=as_json) as live,
        session.targets() as targets,
    ):
        solution = exercise.solve(session, targets, live.progress)
    print_solution(solution, session.lab, as_json=as_json)
