"""`labctl checkpoints`: the states to which the lab can return."""

from __future__ import annotations

from labctl.cli.options import DEFAULT_NAME, AsJson, Name


def checkpoints(name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.render.lists import print_checkpoints
    from labctl.session import open_session

    saved = open_session(name).provider.checkpoints(measured=True)
    print_checkpoints(saved, name, as_json=as_json)
