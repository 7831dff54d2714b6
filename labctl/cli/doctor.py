"""`labctl doctor`: check whether this machine has what a lab needs."""

from __future__ import annotations

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, LabFile, Name, ProviderName


def doctor(
    provider: ProviderName = None,
    lab: LabFile = None,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.errors import ExitCode
    from labctl.machine import ThisMachine
    from labctl.providers.examine import examine
    from labctl.render.health import print_health
    from labctl.session import open_lab

    opened = open_lab(name, lab)
    health = examine(opened.lab, opened.home, ThisMachine(), provider)
    print_health(health, name, as_json=as_json)
    if not health.ok:
        raise typer.Exit(int(ExitCode.MACHINE))
