"""`labctl ssh`: a shell or a command on a host."""

from __future__ import annotations

import sys

import typer

from labctl.cli.options import DEFAULT_NAME, HostArgument, HostCommand, HostUser, Name

# The exit status of ssh(1) if ssh itself fails.
_FAILED = 255


def ssh(
    host: HostArgument,
    command: HostCommand = None,
    user: HostUser = None,
    name: Name = DEFAULT_NAME,
) -> None:
    from labctl.run import interactive
    from labctl.session import open_session
    from labctl.shell import ssh_command
    from labctl.streams import is_terminal

    session = open_session(name)
    session.lab.host(host)
    endpoint = session.endpoint(host)
    login = user or session.lab.edition.admin
    terminal = is_terminal(sys.stdin) and is_terminal(sys.stdout)
    argv = ssh_command(endpoint, login, command or [], terminal=terminal)
    status = interactive(argv)
    if status == _FAILED:
        from labctl.remote import Remote

        # If the connection failed, this raises an error that says what to do.
        with Remote(endpoint) as remote:
            remote.run(["true"])
    raise typer.Exit(status)
