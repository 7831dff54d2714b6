"""Drills as text or JSON: the list, the symptom, hints, the result, and the solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from labctl.i18n import _
from labctl.render.document import print_json
from labctl.render.hints import command_line
from labctl.render.screen import console, print_wrapped
from labctl.render.shown import escape

if TYPE_CHECKING:
    from labctl.drills.catalogue import Drill
    from labctl.drills.exercise import Attempt, Solution
    from labctl.lab import Lab


def print_drills(drills: Sequence[Drill], lab: Lab, *, as_json: bool) -> None:
    if as_json:
        print_json("drill list", {"drills": [_fields(drill, lab) for drill in drills]})
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column(_("drill"), no_wrap=True)
    table.add_column(_("level"))
    table.add_column(_("what a user reports"), overflow="fold")
    for drill in drills:
        table.add_row(drill.name, "★" * drill.level, escape(drill.symptom_in(lab)))
    print_wrapped(console(), table)


def print_symptom(drill: Drill, lab: Lab, *, hidden: bool, as_json: bool) -> None:
    if as_json:
        print_json("drill start", _fields(drill, lab))
        return
    title = _("a drill of level {level}", level=drill.level) if hidden else drill.name
    console().print(f"[bold]{title}[/]")
    console().print(escape(drill.symptom_in(lab)))
    _print_commands(lab, "labctl drill hint", "labctl drill check", "labctl drill solve")


def print_hint(text: str, number: int, count: int, *, as_json: bool) -> None:
    if as_json:
        print_json("drill hint", {"hint": text, "number": number, "of": count})
        return
    console().print(f"{number}/{count}  {escape(text)}")


def print_attempt(attempt: Attempt, lab: Lab, *, as_json: bool) -> None:
    if as_json:
        print_json("drill check", {"mended": attempt.mended}, ok=attempt.mended)
    elif attempt.mended:
        console().print(_("repaired: the whole lab is correct again"), style="bold green")
        console().print(escape(_(attempt.drill.explanation, **attempt.names)))
    else:
        console().print(_("not yet: something is still wrong"), style="bold red")
        _print_commands(lab, "labctl drill hint", "labctl check")


def print_solution(solution: Solution, lab: Lab, *, as_json: bool) -> None:
    drill = solution.drill
    explanation = _(drill.explanation, **solution.names)
    if as_json:
        solved = {"explanation": explanation, "repair": solution.repair}
        print_json("drill solve", {**_fields(drill, lab), **solved})
        return
    console().print(escape(explanation))
    if solution.repair:
        console().print(f"  {solution.host}# [green]{escape(solution.repair)}[/]")


def _print_commands(lab: Lab, *commands: str) -> None:
    """What can be typed next."""
    for command in commands:
        console().print(f"  {command_line(command, lab.name)}", style="dim")


def _fields(drill: Drill, lab: Lab) -> dict[str, object]:
    return {
        "name": drill.name,
        "level": drill.level,
        "symptom": drill.symptom_in(lab),
    }
