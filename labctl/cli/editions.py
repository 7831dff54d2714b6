"""`labctl editions`: the books that labctl knows, and one of them as a file to start from."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import completion
from labctl.cli.options import AsJson, ensure_apart
from labctl.i18n import _


def editions(
    show: Annotated[
        str | None,
        typer.Option(
            "--show",
            metavar="NAME",
            help=_("Print this edition's file, as a start for one of your own."),
            autocompletion=completion.editions,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    from pathlib import Path

    from labctl.edition_files import edition_file, load_edition
    from labctl.edition_files import editions as names
    from labctl.render.editions import print_edition_file, print_editions

    ensure_apart(("--show", show), ("--json", as_json))
    if show is not None:
        load_edition(show)
        print_edition_file(edition_file(show, Path.cwd()))
        return
    print_editions([load_edition(name) for name in names()], as_json=as_json)
