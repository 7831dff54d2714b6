"""`labctl render`: print the configuration files of a host without using the host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, HostArgument, LabFile, Name
from labctl.i18n import _


def render(
    host: HostArgument,
    path: Annotated[str | None, typer.Argument(help=_("Print only this file."))] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help=_("Write the files below this folder, for diff."))
    ] = None,
    lab: LabFile = None,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.host_files import files_of, write_below
    from labctl.render.host_text import print_files
    from labctl.session import open_session

    files = files_of(open_session(name, lab).scene(host), path)
    if to is not None:
        write_below(to, files)
    print_files(files, written_to=to, as_json=as_json)
