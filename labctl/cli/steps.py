"""`labctl steps`: list the steps with the book's sections."""

from __future__ import annotations

from labctl.cli.options import DEFAULT_NAME, AsJson, LabFile, Name


def steps(lab: LabFile = None, name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.render.lists import print_steps
    from labctl.session import open_lab
    from provision.steps import steps_of

    print_steps(steps_of(open_lab(name, lab).lab), as_json=as_json)
