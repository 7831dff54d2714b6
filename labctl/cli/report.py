"""`labctl report`: write one HTML page with the lab, its last mail test and its checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, Name, in_a_folder
from labctl.i18n import _


def report(
    file: Annotated[
        Path,
        typer.Argument(help=_("The HTML file to write."), dir_okay=False, callback=in_a_folder),
    ],
    open_it: Annotated[
        bool, typer.Option("--open", help=_("Open the page in the browser."))
    ] = False,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.home import write_for_person
    from labctl.render.progress import Live
    from labctl.render.screen import print_done
    from labctl.report.facts import gather
    from labctl.report.page import page
    from labctl.run import show
    from labctl.session import open_session

    session = open_session(name)
    session.ensure_up()
    with Live(session.lab, quiet=as_json, fleeting=True) as live:
        facts = gather(session, live.progress)
    write_for_person(file, page(facts))
    print_done("report", _("written: {path}", path=file), as_json=as_json, data={"file": file})
    if open_it:
        show(file)
