"""Names that the shell completes. A completer never fails: without a lab or a class it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

from labctl.commands import DEFAULT_LAB

if TYPE_CHECKING:
    from labctl.lab import Lab


def labs(incomplete: str) -> list[str]:
    """The labs of this user."""
    from labctl.home import lab_names

    return _that_begin(incomplete, lab_names)


def providers(incomplete: str) -> list[str]:
    """What can create hosts."""
    from labctl.providers.registry import provider_names

    return _that_begin(incomplete, provider_names)


def releases(incomplete: str) -> list[str]:
    """The releases of systems that a provider has."""
    from labctl.providers.settings import releases

    return _that_begin(incomplete, releases)


def editions(incomplete: str) -> list[str]:
    """The editions that labctl brings."""
    from labctl.edition_files import editions

    return _that_begin(incomplete, editions)


def hosts(context: typer.Context, incomplete: str) -> list[str]:
    """The hosts of the lab that the command line names so far."""
    return _that_begin(incomplete, lambda: [host.name for host in _lab(context).hosts])


def steps(context: typer.Context, incomplete: str) -> list[str]:
    """The steps and checkpoints in the edition of the lab that the command line names so far."""
    from labctl.engine import stop_names

    return _that_begin(incomplete, lambda: stop_names(_lab(context)))


def drills(context: typer.Context, incomplete: str) -> list[str]:
    """The drills for the edition of the lab that the command line names so far."""
    from labctl.drills.catalogue import drills_of

    return _that_begin(incomplete, lambda: [drill.name for drill in drills_of(_lab(context))])


def checkpoints(context: typer.Context, incomplete: str) -> list[str]:
    """The checkpoints of the lab that the command line names so far."""
    from labctl.session import open_session

    def saved() -> list[str]:
        return [info.name for info in open_session(_name(context)).provider.checkpoints()]

    return _that_begin(incomplete, saved)


def classes(incomplete: str) -> list[str]:
    """The classes of this user."""
    from labctl.classroom.roll import class_names

    return _that_begin(incomplete, class_names)


def seats(context: typer.Context, incomplete: str) -> list[str]:
    """The seats of the class that the command line names so far."""
    from labctl.classroom.roll import open_class

    chosen = context.params.get("class_name")
    return _that_begin(incomplete, lambda: [seat.label for seat in open_class(chosen).seats])


def _name(context: typer.Context) -> str:
    return context.params.get("name") or DEFAULT_LAB


def _lab(context: typer.Context) -> Lab:
    """The lab of a command, or that of the seats for a command of a class."""
    if "class_name" in context.params:
        from labctl.classroom.roll import lab_of, open_class

        return lab_of(open_class(context.params["class_name"]))
    from labctl.session import open_lab

    return open_lab(_name(context), context.params.get("lab")).lab


def _that_begin(incomplete: str, names: Callable[[], Iterable[str]]) -> list[str]:
    from labctl.errors import LabError

    try:
        return [name for name in names() if name.startswith(incomplete)]
    except (LabError, OSError):
        # Also if the current folder is gone: an error would be printed into the prompt.
        return []
