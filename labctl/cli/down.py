"""`labctl down`: stop the hosts and keep everything."""

from __future__ import annotations

from labctl.cli.options import DEFAULT_NAME, AsJson, Name
from labctl.i18n import _


def down(name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.hint import Hint
    from labctl.lock import locked
    from labctl.render.progress import Live
    from labctl.render.screen import print_done
    from labctl.session import again, open_session

    session = open_session(name)
    session.ensure_made()
    with locked(session.home), Live(session.lab, quiet=as_json) as live:
        session.provider.halt(live.progress)
    hint = Hint(_("this starts it again"), (again(session),))
    print_done("down", _("the hosts are stopped"), as_json=as_json, hint=hint, lab=name)
