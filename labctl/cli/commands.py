"""The list of commands, in the order the help shows them."""

from __future__ import annotations

import typer

from labctl.cli import (
    check,
    checkpoints,
    credentials,
    destroy,
    diff,
    doctor,
    down,
    drill,
    logs,
    net,
    render,
    report,
    reset,
    ssh,
    status,
    steps,
    test_mail,
    thunderbird,
    trace,
    up,
)


def register(app: typer.Typer) -> None:
    """Adds every command to the application."""
    app.command("up")(up.up)
    app.command("test-mail")(test_mail.test_mail)
    app.command("trace")(trace.trace)
    app.command("thunderbird")(thunderbird.thunderbird)
    app.command("report")(report.report)
    app.command("check")(check.check)
    app.add_typer(drill.app, name="drill")
    app.command("reset")(reset.reset)
    app.command("diff")(diff.diff)
    app.command("checkpoints")(checkpoints.checkpoints)
    app.command("status")(status.status)
    app.command("steps")(steps.steps)
    app.command("ssh")(ssh.ssh)
    app.command("logs")(logs.logs)
    app.command("credentials")(credentials.credentials)
    app.command("render")(render.render)
    app.command("net")(net.net)
    app.command("doctor")(doctor.doctor)
    app.command("down")(down.down)
    app.command("destroy")(destroy.destroy)
