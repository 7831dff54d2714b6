"""`labctl class enter`: a shell on a host of a seat."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from labctl.cli import completion
from labctl.cli.class_options import ClassName, SeatArgument
from labctl.cli.options import HostCommand, HostUser
from labctl.i18n import _


def enter(
    seat: SeatArgument,
    host: Annotated[
        str, typer.Argument(help=_("Name of a host."), autocompletion=completion.hosts)
    ],
    command: HostCommand = None,
    user: HostUser = None,
    class_name: ClassName = None,
) -> None:
    from labctl.classroom.actions import opened
    from labctl.classroom.hints import hint_of_class
    from labctl.classroom.roll import open_class
    from labctl.cli.ssh import ssh
    from labctl.commands import hint_for_lab
    from labctl.errors import LabError, WrongUsage
    from labctl.hint import Hint
    from labctl.relay import relayed
    from labctl.run import interactive

    roll = open_class(class_name)
    chosen = roll.chosen([seat])
    if len(chosen) != 1:
        raise WrongUsage(_("name one seat"), hint=Hint("", (roll.command("enter", "7", host),)))
    lab = chosen[0].lab_name
    session = opened(roll, chosen[0])
    try:
        if command:
            ssh(host, command, user, lab)
            return
        # Like the board's terminals: also if the student broke sshd or the firewall.
        name = session.lab.host(host).name
        login = session.provider.login(name, user or session.lab.edition.admin)
    except LabError as error:
        error.hint = hint_for_lab(hint_of_class(error.hint, roll, chosen), lab)
        raise
    # Elsewhere a login is a client such as ssh, which does not give the host this terminal.
    raise typer.Exit(relayed(login) if sys.platform == "linux" else interactive(login))
