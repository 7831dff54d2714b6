"""`labctl diff`: show manual changes on the hosts since a checkpoint."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import completion
from labctl.cli.options import DEFAULT_NAME, AsJson, Name, OptionalHost
from labctl.i18n import _


def diff(
    host: OptionalHost = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="CHECKPOINT",
            help=_("Compare with this one (default: the last one saved or restored)."),
            autocompletion=completion.checkpoints,
        ),
    ] = None,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.changed import changed_since
    from labctl.render.diff import print_difference
    from labctl.session import open_session

    print_difference(changed_since(open_session(name), since, host), as_json=as_json)
