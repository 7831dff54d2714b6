"""Options that several commands share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from labctl.commands import DEFAULT_LAB, NAME_VARIABLE
from labctl.i18n import _

DEFAULT_NAME = DEFAULT_LAB


def _labs(incomplete: str) -> list[str]:
    from labctl.home import lab_names

    return [name for name in lab_names() if name.startswith(incomplete)]


def complete_hosts(context: typer.Context, incomplete: str) -> list[str]:
    """Complete a host of the lab that the command line names so far."""
    from labctl.errors import LabError
    from labctl.session import open_lab

    try:
        hosts = open_lab(context.params.get("name") or DEFAULT_NAME).lab.hosts
    except LabError:
        return []
    return [host.name for host in hosts if host.name.startswith(incomplete)]


def _providers(incomplete: str) -> list[str]:
    from labctl.providers.registry import provider_names

    return [name for name in provider_names() if name.startswith(incomplete)]


def _releases(incomplete: str) -> list[str]:
    from labctl.providers.settings import releases

    return [name for name in releases() if name.startswith(incomplete)]


def complete_steps(context: typer.Context, incomplete: str) -> list[str]:
    """Completes a step of the edition that the named lab has."""
    from labctl.engine import stop_names
    from labctl.errors import LabError
    from labctl.session import open_lab

    try:
        lab = open_lab(context.params.get("name") or DEFAULT_NAME, context.params.get("lab")).lab
        names = stop_names(lab)
    except LabError:
        return []
    return [name for name in names if name.startswith(incomplete)]


def checkpoint_names(context: typer.Context, incomplete: str) -> list[str]:
    """Complete a checkpoint of the lab that the command line names so far."""
    from labctl.errors import LabError
    from labctl.session import open_session

    try:
        saved = open_session(context.params.get("name") or DEFAULT_NAME).provider.checkpoints()
    except LabError:
        return []
    return [info.name for info in saved if info.name.startswith(incomplete)]


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
        autocompletion=_labs,
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
        autocompletion=_providers,
        metavar="NAME",
    ),
]
Release = Annotated[
    str | None,
    typer.Option(
        "--release",
        help=_("Release of the hosts, such as trixie, if the provider has several."),
        autocompletion=_releases,
        metavar="NAME",
    ),
]
HostArgument = Annotated[
    str,
    typer.Argument(help=_("Name of a host (see labctl status)."), autocompletion=complete_hosts),
]
OptionalHost = Annotated[
    str | None,
    typer.Argument(help=_("Name of a host (default: all)."), autocompletion=complete_hosts),
]
HostCommand = Annotated[
    list[str] | None, typer.Argument(help=_("Command to run; after -- if it has options."))
]
HostUser = Annotated[
    str | None,
    typer.Option("--user", "-u", help=_("User of the shell (default: the administrator).")),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        help=_("Stop after this step, or at this checkpoint."),
        autocompletion=complete_steps,
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


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Treat Ctrl-C as the normal way to leave the block."""
    otherwise = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGINT, otherwise)
