"""`labctl credentials`: who can log in where, with which password."""

from __future__ import annotations

from labctl.cli.options import DEFAULT_NAME, AsJson, Name


def credentials(name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.providers.base import never_made
    from labctl.render.lists import print_credentials
    from labctl.session import open_session

    session = open_session(name)
    if session.state is None:
        raise never_made(name)
    print_credentials(session.lab, session.credentials, as_json=as_json)
