"""`labctl trace`: follow one message through the logs of both hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, Name, in_a_folder
from labctl.i18n import _


def trace(
    message: Annotated[
        str, typer.Argument(help=_("A Message-ID, a queue id, or `last`."), metavar="MESSAGE")
    ] = "last",
    transcript: Annotated[
        bool,
        typer.Option("--transcript", help=_("Send a message and show the captured SMTP dialogue.")),
    ] = False,
    pcap: Annotated[
        Path | None,
        typer.Option(
            help=_("Send a message and save the capture to this file, for Wireshark."),
            dir_okay=False,
            callback=in_a_folder,
        ),
    ] = None,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.errors import WrongUsage
    from labctl.hint import commands
    from labctl.lock import locked
    from labctl.mailtest.trace import LAST, trace_message
    from labctl.mailtest.transcript import send_and_watch
    from labctl.render.trace import print_trace
    from labctl.session import open_session

    live = transcript or pcap is not None
    if live and message != LAST:
        raise WrongUsage(
            _("a message that was already delivered cannot be captured"),
            hint=commands("labctl trace --transcript"),
        )
    session = open_session(name)
    session.ensure_up()
    names = [host.name for host in session.lab.mail_hosts]
    if live:
        with locked(session.home), session.targets(names) as targets:
            found, spoken = send_and_watch(targets, keep=pcap)
        print_trace(found, spoken, as_json=as_json)
        return
    with session.targets(names) as targets:
        found = trace_message(targets, message)
    print_trace(found, as_json=as_json)
