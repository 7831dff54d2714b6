"""`labctl class enter`: a shell on a host of a seat."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli.class_options import ClassName, SeatArgument
from labctl.i18n import _


def enter(
    seat: SeatArgument,
    host: Annotated[str, typer.Argument(help=_("host1 or host2."))],
    command: Annotated[
        list[str] | None, typer.Argument(help=_("Command to run; after -- if it has options."))
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", "-u", help=_("User of the shell (default: ubuntu)."))
    ] = None,
    class_name: ClassName = None,
) -> None:
    from labctl.classroom.actions import opened
    from labctl.classroom.roll import open_class
    from labctl.cli.ssh import ssh
    from labctl.errors import WrongUsage
    from labctl.hint import Hint
    from labctl.run import interactive

    roll = open_class(class_name)
    chosen = roll.chosen([seat])
    if len(chosen) != 1:
        raise WrongUsage(_("name one seat"), hint=Hint("", (roll.command("enter", "7", "host1"),)))
    session = opened(roll, chosen[0])
    if command:
        ssh(host, command, user, chosen[0].lab_name)
        return
    # Like the board's terminals: also if the student broke sshd or the firewall.
    login = session.provider.login(session.lab.host(host).name, user or session.lab.edition.admin)
    raise typer.Exit(interactive(login))
