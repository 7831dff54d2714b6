"""`labctl doctor`: has this machine what a lab needs?"""

from __future__ import annotations

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, LabFile, Name, ProviderName


def doctor(
    provider: ProviderName = None,
    lab: LabFile = None,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.doctor.examine import examine
    from labctl.errors import ExitCode
    from labctl.home import lab_home
    from labctl.lab import load_lab
    from labctl.machine import ThisMachine
    from labctl.providers.choose import ensure_known
    from labctl.render.health import print_health

    ensure_known(provider)
    # A name that can be none is told here too.
    lab_home(name)
    health = examine(load_lab(name, lab), ThisMachine(), provider)
    print_health(health, as_json=as_json)
    if not health.ok:
        raise typer.Exit(int(ExitCode.MACHINE))
