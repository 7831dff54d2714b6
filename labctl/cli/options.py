"""Options that several commands share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from labctl.cli import completion
from labctl.commands import DEFAULT_LAB, NAME_VARIABLE
from labctl.i18n import _

DEFAULT_NAME = DEFAULT_LAB


def in_a_folder(path: Path | None) -> Path | None:
    """Refuse a file to write whose folder does not exist, before the work begins."""
    from labctl.home import ensure_folder_of

    if path is not None:
        ensure_folder_of(path)
    return path


Name = Annotated[
    str,
    typer.Option(
        "--name",
        envvar=NAME_VARIABLE,
        help=_("Name of the lab."),
        autocompletion=completion.labs,
        metavar="NAME",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help=_("Print one JSON document."))]
Yes = Annotated[bool, typer.Option("--yes", "-y", help=_("Skip the confirmation."))]
Junit = Annotated[
    Path | None,
    typer.Option(
        "--junit", help=_("Also write a JUnit file."), dir_okay=False, callback=in_a_folder
    ),
]
LabFile = Annotated[
    Path | None,
    typer.Option("--lab", help=_("The lab file (default: ./labctl.toml if it exists).")),
]
ProviderName = Annotated[
    str | None,
    typer.Option(
        "--provider",
        help=_("What creates the hosts (default: one that works on this machine)."),
        autocompletion=completion.providers,
        metavar="NAME",
    ),
]
Release = Annotated[
    str | None,
    typer.Option(
        "--release",
        help=_("Release of the hosts, such as trixie, if the provider has several."),
        autocompletion=completion.releases,
        metavar="NAME",
    ),
]
HostArgument = Annotated[
    str,
    typer.Argument(help=_("Name of a host (see labctl status)."), autocompletion=completion.hosts),
]
OptionalHost = Annotated[
    str | None,
    typer.Argument(help=_("Name of a host (default: all)."), autocompletion=completion.hosts),
]
HostCommand = Annotated[
    list[str] | None, typer.Argument(help=_("Command to run; after -- if it has options."))
]
HostUser = Annotated[
    str | None,
    typer.Option("--user", "-u", help=_("User of the shell (default: the administrator).")),
]
StepNames = Annotated[
    list[str] | None,
    typer.Argument(help=_("Check only these steps."), autocompletion=completion.steps),
]
NoMail = Annotated[bool, typer.Option("--no-mail", help=_("Send no messages."))]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        help=_("Stop after this step, or at this checkpoint."),
        autocompletion=completion.steps,
        metavar="STEP",
    ),
]


def ensure_apart(*options: tuple[str, object]) -> None:
    """Raise WrongUsage if two options are given of which one would have no effect."""
    from labctl.errors import WrongUsage

    given = [name for name, value in options if value]
    if len(given) > 1:
        raise WrongUsage(
            _("{one} and {other} cannot be combined", one=given[0], other=given[1]),
            hint=_("use only one of them"),
        )


def exit_unless(ok: bool) -> None:
    """End the command with the exit code of a failed check or test unless `ok`."""
    from labctl.errors import ExitCode

    if not ok:
        raise typer.Exit(ExitCode.FAILED)


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Treat Ctrl-C as the normal way to leave the block."""
    otherwise = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGINT, otherwise)
