"""The results of `labctl class` as text and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.table import Table

from labctl.classroom.grades import outcome_of, steps_in
from labctl.classroom.hints import hint_of_class
from labctl.classroom.life import ModelRemoved
from labctl.classroom.roll import Roll, Seat
from labctl.classroom.status import SeatState, SeatStatus
from labctl.classroom.work import SeatResult
from labctl.errors import LabError, WrongUsage
from labctl.grading import Grades
from labctl.hint import Command, Hint
from labctl.i18n import _, ngettext
from labctl.render.document import plain, print_json
from labctl.render.hints import hint_data
from labctl.render.screen import console, print_hint, print_table
from labctl.render.shown import escape
from labctl.reset import NothingToUndo
from labctl.results import Outcome

Results = Sequence[SeatResult[Any]]
_MARKS = {
    Outcome.OK: "[green]✓[/]",
    Outcome.FAILED: "[bold red]✗[/]",
    Outcome.BLOCKED: "[yellow]–[/]",
    None: " ",
}
_COLOURS = {SeatState.RUNNING: "green", SeatState.STOPPED: "yellow", SeatState.ABSENT: "dim"}


def print_roll(roll: Roll, *, as_json: bool) -> None:
    """What `class init` wrote, and what to do next."""
    if as_json:
        data = {
            "class": roll.name,
            "file": roll.file,
            "lab_file": roll.lab_file,
            "until": roll.until,
            "seats": [_named(seat) for seat in roll.seats],
        }
        print_json("class init", data)
        return
    out = console()
    out.print(
        ngettext(
            "the class {name} has {count} seat",
            "the class {name} has {count} seats",
            len(roll.seats),
            name=roll.name,
        )
    )
    out.print(escape(f"  {roll.file}\n  {roll.lab_file}"), style="dim")
    lines = (roll.command("doctor"), roll.command("up"))
    print_hint(out, _("next"), Hint("", lines), "")


def print_seats(
    command: str,
    roll: Roll,
    results: Results,
    said: str,
    *,
    as_json: bool,
    again: Command,
    data: Callable[[Any], dict[str, Any]] = lambda _value: {},
    extra: dict[str, Any] | None = None,
    hint: Hint | None = None,
    model: ModelRemoved | None = None,
) -> None:
    """Print what came of a command, and each seat at which it failed with the reason.

    Args:
        said: The sentence about the seats at which it was done.
        again: The command that continues with the seats that failed.
        data: The fields of a value for JSON.
        extra: More fields beside the seats.
        hint: What to do next if all is well.
        model: What came of the removal of the model, if the command removes it.
    """
    if as_json:
        fine = all(result.ok for result in results) and (model is None or model.error is None)
        fields = {**(extra or {}), **_model_data(model, roll)}
        print_seats_json(command, roll, results, data, fields, ok=fine)
        return
    out = console()
    if any(result.ok for result in results):
        out.print(escape(said))
    _print_failures(results, roll)
    errors = [result.error for result in results if result.error is not None]
    if model is not None and model.error is not None:
        _print_failure(roll, model.lab, model.error, (), model.lab)
        errors.append(model.error)
    # A wrong request stays wrong.
    is_wrong = all(isinstance(error, WrongUsage | NothingToUndo) for error in errors)
    if errors and not is_wrong:
        text = _("this tries it again where it failed")
        print_hint(out, _("next"), Hint(text, (again,)), "")
    elif hint is not None and not errors:
        print_hint(out, _("next"), hint, "")


def print_seats_json(
    command: str,
    roll: Roll,
    results: Results,
    data: Callable[[Any], dict[str, Any]],
    extra: dict[str, Any] | None = None,
    *,
    ok: bool | None = None,
) -> None:
    """One document: the class, then each seat with its value or its error."""
    seats = [
        {
            **_named(result.seat),
            "ok": result.ok,
            "seconds": round(result.seconds, 3),
            **({} if result.value is None else plain(data(result.value))),
            "error": _error(result.error, roll, [result.seat], result.seat.lab_name),
        }
        for result in results
    ]
    fine = all(result.ok for result in results) if ok is None else ok
    print_json(command, {"class": roll.name, **(extra or {}), "seats": seats}, ok=fine)


def _named(seat: Seat) -> dict[str, Any]:
    return {"seat": seat.number, "lab": seat.lab_name, "student": seat.student}


def _error(
    error: LabError | None, roll: Roll, seats: Sequence[Seat], lab: str
) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "exit_code": int(error.exit_code),
        "message": error.message,
        "cause": error.cause,
        **hint_data(hint_of_class(error.hint, roll, seats), lab),
    }


def _model_data(model: ModelRemoved | None, roll: Roll) -> dict[str, Any]:
    if model is None:
        return {}
    return {"model": model.lab, "model_error": _error(model.error, roll, (), model.lab)}


def _print_failures(results: Results, roll: Roll) -> None:
    """Print each seat that failed; seats with the same error together."""
    reasons: dict[tuple[str, str], list[SeatResult[Any]]] = {}
    for result in results:
        if result.error is not None:
            reasons.setdefault((result.error.message, result.error.cause), []).append(result)
    for same in reasons.values():
        seats = [result.seat for result in same]
        if (error := same[0].error) is not None:
            labels = ", ".join(seat.label for seat in seats)
            _print_failure(roll, labels, error, seats, seats[0].lab_name)


def _print_failure(
    roll: Roll, labels: str, error: LabError, seats: Sequence[Seat], lab: str
) -> None:
    """Print where it failed, why, and what to do for the lab called `lab`."""
    out = console()
    out.print(f"[bold red]✗ {labels}[/]  {escape(error.message)}")
    for line in error.cause.splitlines():
        out.print(f"    {escape(line)}", style="dim")
    print_hint(out, _("hint"), hint_of_class(error.hint, roll, seats), lab, indent="    ")


def print_class_status(
    roll: Roll, results: Sequence[SeatResult[SeatStatus]], *, as_json: bool
) -> None:
    """Each seat with its student, state, drill and disk."""
    if as_json:
        print_seats_json("class status", roll, results, _status_data)
        return
    out = console()
    until = roll.until or _("the whole lab")
    out.print(f"[bold]{roll.name}[/]  " + _("begins at {name}", name=escape(until)))
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title in (_("seat"), _("student"), _("state"), _("built up to"), _("drill")):
        table.add_column(title)
    for result in results:
        if (found := result.value) is None:
            table.add_row(result.seat.label, escape(result.seat.student), f"[red]{_('unknown')}[/]")
            continue
        colour = _COLOURS.get(found.state, "red")
        state = f"[{colour}]{_(found.state)}[/]"
        row = (found.complete, found.drill)
        table.add_row(result.seat.label, escape(result.seat.student), state, *row)
    print_table(table)
    _print_failures(results, roll)
    for result in results:
        if result.value is not None and result.value.over_budget:
            _print_over_budget(result.seat, result.value)
    if any(each.value and each.value.state is not SeatState.RUNNING for each in results):
        print_hint(out, _("next"), Hint(_("this starts all seats"), (roll.command("up"),)), "")


def _status_data(found: SeatStatus) -> dict[str, Any]:
    return {
        "state": found.state,
        "complete": found.complete,
        "drill": found.drill,
        "disk": found.disk.measured if found.disk is not None else None,
        "over_budget": found.over_budget,
    }


def _print_over_budget(seat: Seat, status: SeatStatus) -> None:
    if (disk := status.disk) is not None:
        out = console()
        told = _("{what}; {why}", what=disk.what, why=disk.why)
        out.print(f"[yellow]! {seat.label}[/]  {escape(told)}")
        print_hint(out, _("hint"), disk.mend, seat.lab_name, indent="    ")


def print_class_grades(roll: Roll, results: Sequence[SeatResult[Grades]], *, as_json: bool) -> None:
    """A table of seats and sections; both hosts of a seat in one cell."""
    steps = steps_in(results)
    if as_json:
        fine = all(result.value is not None and result.value.ok for result in results)
        print_seats_json("class check", roll, results, _grades_data, {"steps": steps}, ok=fine)
        return
    out = console()
    if steps:
        _print_grade_table(steps, results)
    _print_failures(results, roll)
    graded = [(each.seat, each.value) for each in results if each.value is not None]
    wrong = [seat for seat, grades in graded if not grades.ok]
    right = len(graded) - len(wrong)
    out.print(
        ngettext(
            "{right} of {count} seat is right",
            "{right} of {count} seats are right",
            len(results),
            right=right,
        )
    )
    if wrong:
        text = _("this shows what is wrong at one seat")
        line = ("labctl", "check", "--name", wrong[0].lab_name)
        print_hint(out, _("next"), Hint(text, (line,)), "")


def _print_grade_table(steps: Mapping[str, str], results: Sequence[SeatResult[Grades]]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    for title in (_("seat"), _("student"), *(str(each) for each in range(1, len(steps) + 1))):
        table.add_column(title)
    table.add_column(_("right"), justify="right")
    for result in results:
        if result.value is not None:
            marks = [outcome_of(result.value, step) for step in steps]
            score = f"{marks.count(Outcome.OK)}/{len(steps)}"
            cells = [_MARKS[mark] for mark in marks]
            table.add_row(result.seat.label, escape(result.seat.student), *cells, score)
    print_table(table)
    out = console()
    out.print()
    for number, (step, section) in enumerate(steps.items(), 1):
        out.print(f"[dim]{number:>3}  {escape(section)}  {step}[/]")


def _grades_data(grades: Grades) -> dict[str, Any]:
    reports = [
        {**vars(report), "outcome": report.outcome, "findings": list(report.findings)}
        for report in grades.reports
    ]
    return {"right": grades.ok, "reports": reports}
