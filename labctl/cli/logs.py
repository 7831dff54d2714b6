"""`labctl logs`: the mail logs of both hosts, merged by time."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, Name, OptionalHost, until_interrupted
from labctl.i18n import _


def logs(
    host: OptionalHost = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help=_("Keep printing new lines."))
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, help=_("Number of last lines for each host."))
    ] = 200,
    no_probes: Annotated[
        bool,
        typer.Option("--no-probes", help=_("Leave out the lines that the board's gradings cause.")),
    ] = False,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.mailtest.logs import follow_lines, newest_lines
    from labctl.mailtest.probes import told_apart
    from labctl.render.host_text import print_log_lines
    from labctl.session import open_session

    session = open_session(name)
    hosts = [session.lab.host(host).name] if host else [h.name for h in session.lab.mail_hosts]
    session.ensure_up(hosts)
    with session.targets(hosts) as targets, until_interrupted():
        found = follow_lines(targets, lines) if follow else newest_lines(targets, lines)
        addresses = frozenset(str(each.address) for each in session.lab.hosts)
        marked = told_apart(found, addresses)
        shown = (line for line in marked if not (no_probes and line.probe))
        print_log_lines(shown, as_json=as_json)
