"""`labctl trace`: one message's way through the logs of both hosts."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, Name
from labctl.i18n import _


def trace(
    message: Annotated[
        str, typer.Argument(help=_("A Message-ID, a queue id, or `last`."), metavar="MESSAGE")
    ] = "last",
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.mailtest.trace import trace_message
    from labctl.render_trace import print_trace
    from labctl.session import open_session

    session = open_session(name)
    session.ensure_up()
    with session.targets([host.name for host in session.lab.mail_hosts]) as targets:
        found = trace_message(targets, message)
    print_trace(found, as_json=as_json)


trace.__doc__ = _("Follow one message through both hosts, from writing to reading.")
