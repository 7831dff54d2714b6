"""`labctl class doctor`: check whether this machine has what all seats need together."""

from __future__ import annotations

import typer

from labctl.cli.class_options import ClassName
from labctl.cli.options import AsJson


def doctor(class_name: ClassName = None, as_json: AsJson = False) -> None:
    from labctl.classroom.capacity import examine_class
    from labctl.classroom.roll import open_class
    from labctl.errors import ExitCode
    from labctl.machine import ThisMachine
    from labctl.render.health import print_health

    roll = open_class(class_name)
    health = examine_class(roll, ThisMachine())
    print_health(health, roll.model_name, as_json=as_json, command="class doctor")
    if not health.ok:
        raise typer.Exit(int(ExitCode.MACHINE))
