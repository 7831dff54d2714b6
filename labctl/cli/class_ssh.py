"""`labctl class ssh`: SSH to the hosts of the seats from the students' own machines."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli.class_options import ClassName
from labctl.i18n import _

DEFAULT_PORT = 22000
FirstPort = Annotated[
    int,
    typer.Option(
        "--port",
        min=1,
        max=65535,
        help=_("First port. Seat 7 has this plus 71 for its first host, plus 72 for the second."),
    ),
]


def ssh(
    class_name: ClassName = None,
    address: Annotated[
        str, typer.Option("--host", help=_("Address of this machine to listen at."))
    ] = "127.0.0.1",
    port: FirstPort = DEFAULT_PORT,
) -> None:
    from labctl.classroom.roll import open_class
    from labctl.classroom.ssh_doors import doors_of, serve_doors

    roll = open_class(class_name)
    doors = doors_of(roll, port)

    def ready() -> None:
        for door in (doors[0], doors[-1]):
            typer.echo(
                _(
                    "seat {seat}, {host}: port {port}",
                    seat=door.seat.label,
                    host=door.host,
                    port=door.port,
                )
            )
        typer.echo(_("Ctrl-C ends it; the labs go on"))

    serve_doors(roll, address, port, ready)
