"""`labctl class keys`: what students need for `labctl class ssh`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.cli.class_options import (
    ClassName,
    KeysFolder,
    Seats,
    ServerName,
    count_of,
    exit_if_failed,
    failed_seats,
    server_name,
    work,
)
from labctl.cli.class_ssh import DEFAULT_PORT, FirstPort
from labctl.cli.options import AsJson
from labctl.i18n import _, ngettext

if TYPE_CHECKING:
    from labctl.classroom.roll import Roll
    from labctl.hint import Command, Hint


def keys(
    seat: Seats = None,
    output: KeysFolder = None,
    server: ServerName = None,
    port: FirstPort = DEFAULT_PORT,
    class_name: ClassName = None,
    as_json: AsJson = False,
) -> None:
    from labctl.classroom.handed_out import note_handed_out
    from labctl.classroom.keys import write_keys
    from labctl.classroom.roll import open_class
    from labctl.classroom.ssh_doors import doors_of
    from labctl.render.classes import print_seats

    roll = open_class(class_name)
    doors = doors_of(roll, port)
    folder = output or Path(f"{roll.name}-keys")
    name = server or server_name()
    note_handed_out(roll, folder)
    _make(folder)
    results = work(
        roll.chosen(seat or []),
        lambda one, _progress: write_keys(roll, one, doors, name, folder / one.label),
        quiet=as_json,
    )
    print_seats(
        "class keys",
        roll,
        results,
        ngettext(
            "{folder} has the keys of {count} seat",
            "{folder} has the keys of {count} seats",
            len(results),
            count=count_of(results),
            folder=folder,
        ),
        as_json=as_json,
        again=_again(roll, failed_seats(results), output, server, port),
        data=lambda files: {"files": [str(file) for file in files]},
        hint=_next(roll, doors[0].host),
    )
    exit_if_failed(results)


def _make(folder: Path) -> None:
    from labctl.home import written_for_person

    with written_for_person(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _again(
    roll: Roll, seats: Sequence[str], output: Path | None, server: str | None, port: int
) -> Command:
    """The command that writes the keys of these seats with the same options."""
    given = {
        "--output": output,
        "--server": server,
        "--port": port if port != DEFAULT_PORT else None,
    }
    options = ((name, str(value)) for name, value in given.items() if value is not None)
    return roll.command("keys", *seats, *(word for option in options for word in option))


def _next(roll: Roll, host: str) -> Hint:
    from labctl.hint import Hint

    return Hint(
        _("hand each student one folder; in it, ssh -F config {host} logs in", host=host),
        (roll.command("ssh", "--host", "0.0.0.0"),),
    )
