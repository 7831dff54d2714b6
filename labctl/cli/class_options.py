"""Options and the frame that the commands of `labctl class` share."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from labctl.cli import completion
from labctl.cli.options import exit_unless, in_a_folder
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.classroom.roll import Seat
    from labctl.classroom.work import SeatResult
    from labctl.progress import Progress
    from labctl.render.class_progress import ClassLive

Value = TypeVar("Value")
CLASS_VARIABLE = "LABCTL_CLASS"


ClassName = Annotated[
    str | None,
    typer.Option(
        "--class",
        envvar=CLASS_VARIABLE,
        help=_("Name of the class (default: the only one)."),
        autocompletion=completion.classes,
        metavar="NAME",
    ),
]
Seats = Annotated[
    list[str] | None,
    typer.Argument(
        help=_("Seats like 7, s07 or 3-5 (default: all)."),
        autocompletion=completion.seats,
        metavar="SEAT",
    ),
]
SeatArgument = Annotated[
    str,
    typer.Argument(
        help=_("A seat like 7 or s07."), autocompletion=completion.seats, metavar="SEAT"
    ),
]
SomeSeats = Annotated[
    list[str],
    typer.Argument(
        help=_("Seats like 7, s07 or 3-5."), autocompletion=completion.seats, metavar="SEAT"
    ),
]
StepOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--step",
        help=_("Check only this step; may be repeated."),
        autocompletion=completion.steps,
        metavar="STEP",
    ),
]
GradeBook = Annotated[
    Path | None,
    typer.Option(
        "--csv", help=_("Also write a grade book as CSV."), dir_okay=False, callback=in_a_folder
    ),
]
DrillName = Annotated[
    str,
    typer.Argument(help=_("Name of the drill."), autocompletion=completion.drills, metavar="DRILL"),
]
SeatCount = Annotated[
    int | None,
    typer.Option(
        "--seats", help=_("How many seats (default: one for each student)."), min=1, max=500
    ),
]
Students = Annotated[
    Path | None,
    typer.Option(
        "--students", help=_("A CSV file with the names of the students."), dir_okay=False
    ),
]
Remote = Annotated[
    str | None,
    typer.Option(
        "--remote",
        help=_("The server or cluster that the labs run on (default: this machine)."),
        metavar="REMOTE",
    ),
]
KeysFolder = Annotated[
    Path | None,
    typer.Option("--output", "-o", help=_("The folder (default: NAME-keys)."), file_okay=False),
]
ServerName = Annotated[
    str | None,
    typer.Option("--server", help=_("Name or address of this machine, as students reach it.")),
]


def server_name() -> str:
    """The name of this machine, as students may reach it.

    Without a domain, the system may call itself `localhost`, which is everybody's own machine.
    """
    name = socket.getfqdn()
    return socket.gethostname() if name.partition(".")[0] == "localhost" else name


def work(
    seats: Sequence[Seat],
    action: Callable[[Seat, Progress], Value],
    *,
    quiet: bool,
    at_once: int | None = None,
    live: ClassLive | None = None,
) -> list[SeatResult[Value]]:
    """Run the action at the seats and show the progress. By default one per processor at once."""
    from labctl.classroom.work import on_seats, processors
    from labctl.render.class_progress import ClassLive

    count = at_once or processors()
    if live is not None:
        return on_seats(seats, action, live, at_once=count)
    with ClassLive(seats, quiet=quiet) as shown:
        return on_seats(seats, action, shown, at_once=count)


def exit_if_failed(results: Sequence[SeatResult[Any]]) -> None:
    """End the command with the exit code of a failure if any seat failed."""
    exit_unless(all(result.ok for result in results))


def count_of(results: Sequence[SeatResult[Any]]) -> str:
    """How many seats are done, for a sentence: `28 of 30`."""
    done = sum(result.ok for result in results)
    return f"{done}" if done == len(results) else _("{done} of {all}", done=done, all=len(results))


def failed_seats(results: Sequence[SeatResult[Any]]) -> list[str]:
    """The seats at which it failed, as words of a command line."""
    return [result.seat.label for result in results if not result.ok]
