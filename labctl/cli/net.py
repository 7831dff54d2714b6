"""`labctl net`: the hosts' internet access for package installation."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, Name
from labctl.i18n import _


class Way(StrEnum):
    """Whether internet access is open or closed."""

    OPEN = "open"
    CLOSE = "close"


def net(
    way: Annotated[Way, typer.Argument(help=_("open or close."), metavar="open|close")],
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.lock import locked
    from labctl.render.lab import print_net
    from labctl.session import open_session

    session = open_session(name)
    with locked(session.home):
        session.provider.set_net(way is Way.OPEN)
    print_net(way is Way.OPEN, as_json=as_json)
