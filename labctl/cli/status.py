"""`labctl status`: show what exists of the lab."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, Name
from labctl.i18n import _


def status(
    name: Name = DEFAULT_NAME,
    every: Annotated[bool, typer.Option("--all", help=_("All labs on this machine."))] = False,
    as_json: AsJson = False,
) -> None:
    from labctl.home import lab_names
    from labctl.render.status import print_status
    from labctl.status import look, look_at_all

    labs = look_at_all(lab_names() or [name]) if every else [look(name)]
    print_status(labs, as_json=as_json)
