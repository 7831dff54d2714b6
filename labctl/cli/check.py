"""`labctl check`: grade a lab that a person set up by hand, section by section."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import completion
from labctl.cli.options import (
    DEFAULT_NAME,
    AsJson,
    Junit,
    Name,
    NoMail,
    StepNames,
    ensure_apart,
    exit_unless,
    until_interrupted,
)
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.grading import Grades
    from provision.step import Step, Target

# Long enough to read what changed, short enough to feel at once.
_PAUSE_SECONDS = 2.0


OnlyHost = Annotated[
    str | None,
    typer.Option("--host", help=_("Check only this host."), autocompletion=completion.hosts),
]
ShowList = Annotated[bool, typer.Option("--list", help=_("List what can be checked."))]
ErrorsOnly = Annotated[bool, typer.Option("--errors-only", help=_("Show only what is wrong."))]
Solution = Annotated[bool, typer.Option("--solution", help=_("Also show the correct line."))]
Watch = Annotated[bool, typer.Option("--watch", help=_("Repeat the check until Ctrl-C."))]
Why = Annotated[
    bool, typer.Option("--why", help=_("Show how the cause of each failure was found."))
]


def check(
    step: StepNames = None,
    host: OnlyHost = None,
    show_list: ShowList = False,
    errors_only: ErrorsOnly = False,
    solution: Solution = False,
    junit: Junit = None,
    watch: Watch = False,
    no_mail: NoMail = False,
    why: Why = False,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.grading import chosen_steps, grade_hosts
    from labctl.render.check import print_checks, print_grades
    from labctl.render.junit import check_cases, write_junit
    from labctl.render.progress import Live
    from labctl.session import open_session
    from provision.steps import steps_of

    ensure_apart(("--watch", watch), ("--json", as_json))
    ensure_apart(("--list", show_list), ("--watch", watch), ("--junit", junit))
    session = open_session(name)
    steps = chosen_steps(step or [], session.lab)
    hosts = [session.lab.host(host).name] if host else [h.name for h in session.lab.hosts]
    if show_list:
        print_checks(steps if step else steps_of(session.lab), as_json=as_json)
        return
    session.ensure_up()
    with session.targets(hosts) as targets:
        # A message every few seconds would not let a mail program rest that is open.
        with Live(session.lab, quiet=as_json, fleeting=True) as live:
            grades = grade_hosts(targets, steps, live.progress, sends=not (watch or no_mail))
        if watch:
            grades = _repeated(targets, steps, grades, errors_only=errors_only, solution=solution)
    if junit is not None:
        # Before the document: if the file cannot be written, the error is the only document.
        write_junit(junit, "labctl check", check_cases(grades))
    print_grades(grades, errors_only=errors_only, solution=solution, why=why, as_json=as_json)
    exit_unless(grades.ok)


def _repeated(
    targets: Mapping[str, Target],
    steps: Sequence[Step],
    grades: Grades,
    *,
    errors_only: bool,
    solution: bool,
) -> Grades:
    """Grade again and again until Ctrl-C. Returns the grades that stay on the screen."""
    from labctl.check_watch import Repeating
    from labctl.grading import grade_hosts
    from labctl.render.check import watching

    with watching(errors_only=errors_only, solution=solution) as show:
        repeating = Repeating(grades, show)
        with until_interrupted():
            while True:
                time.sleep(_PAUSE_SECONDS)
                repeating.ended(grade_hosts(targets, steps, sends=False, told=repeating.told))
        return repeating.grades
