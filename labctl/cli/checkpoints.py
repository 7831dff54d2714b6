"""`labctl checkpoints`: the states to which the lab can return."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import completion
from labctl.cli.confirm import confirm
from labctl.cli.options import DEFAULT_NAME, AsJson, Name, Yes
from labctl.i18n import _


def checkpoints(
    remove: Annotated[
        str | None,
        typer.Option(
            "--remove",
            metavar="NAME",
            help=_("Remove the state before a reset and free its disk space."),
            autocompletion=completion.checkpoints,
        ),
    ] = None,
    yes: Yes = False,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.lock import locked
    from labctl.render.lists import print_checkpoints
    from labctl.reset import kept_before_reset, remove_kept
    from labctl.session import open_session

    session = open_session(name)
    if remove is not None:
        with locked(session.home):
            kept = kept_before_reset(session, remove)
            if not yes:
                confirm(_("Remove {name}? It cannot be restored.", name=kept))
            remove_kept(session, kept)
    saved = session.provider.checkpoints(measured=True)
    print_checkpoints(saved, name, as_json=as_json)
