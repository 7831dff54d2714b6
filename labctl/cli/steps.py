"""`labctl steps`: list the steps with the book's sections."""

from __future__ import annotations

from labctl.cli.options import AsJson


def steps(as_json: AsJson = False) -> None:
    from labctl.render.lists import print_steps
    from provision.steps import STEPS

    print_steps(STEPS, as_json=as_json)
