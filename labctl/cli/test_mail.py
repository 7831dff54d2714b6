"""`labctl test-mail`: the textbook's own mail test."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, Name
from labctl.i18n import _


def test_mail(
    timeout: Annotated[
        float, typer.Option(min=1, max=3600, help=_("Seconds to wait for each message."))
    ] = 30,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.errors import ExitCode
    from labctl.lock import locked
    from labctl.mailtest.conversation import run_mail_test
    from labctl.render import Live, print_mail_test
    from labctl.session import open_session

    session = open_session(name)
    session.ensure_up()
    with locked(session.home), Live(session.lab, quiet=as_json) as live:
        hosts = [host.name for host in session.lab.mail_hosts]
        with session.targets(hosts) as targets:
            result = run_mail_test(targets, timeout=timeout, progress=live.progress)
    print_mail_test(result, as_json=as_json)
    if not result.ok:
        raise typer.Exit(ExitCode.FAILED)


test_mail.__doc__ = _("Send, receive and answer mail between user1 and user2, as the book does.")
