"""`labctl credentials`: who can log in where, with which password."""

from __future__ import annotations

from labctl.cli.options import DEFAULT_NAME, AsJson, Name
from labctl.i18n import _


def credentials(name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.errors import WrongState
    from labctl.home import name_option
    from labctl.render.lists import print_credentials
    from labctl.session import open_session

    session = open_session(name)
    if session.state is None:
        raise WrongState(
            _("the lab {name} was never brought up", name=name),
            hint="labctl up" + name_option(name),
        )
    print_credentials(session.lab, session.credentials, as_json=as_json)
