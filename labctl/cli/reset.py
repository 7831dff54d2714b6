"""`labctl reset`: return the lab to a checkpoint."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import completion
from labctl.cli.confirm import confirm
from labctl.cli.options import DEFAULT_NAME, AsJson, Name, Yes, ensure_apart
from labctl.i18n import _


def reset(
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="CHECKPOINT",
            help=_("os, dns, packages, ready or a step."),
            autocompletion=completion.checkpoints,
        ),
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help=_("Restore the state before the last reset."))
    ] = False,
    yes: Yes = False,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.lock import locked
    from labctl.render.lab import print_reset
    from labctl.render.progress import Live
    from labctl.reset import go_back, newest_before_reset, target_of_reset
    from labctl.session import open_session

    ensure_apart(("--undo", undo), ("--to", to))
    session = open_session(name)
    with locked(session.home):
        checkpoint = newest_before_reset(session) if undo else target_of_reset(session, to)
        if not yes:
            confirm(_("Return all hosts to {name}?", name=checkpoint))
        with Live(session.lab, quiet=as_json) as live:
            result = go_back(session, checkpoint, live.progress)
    print_reset(result, session.lab, as_json=as_json)
