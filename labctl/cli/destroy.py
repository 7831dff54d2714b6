"""`labctl destroy`: remove the lab and all that is there of it."""

from __future__ import annotations

from labctl.cli.confirm import confirm
from labctl.cli.options import DEFAULT_NAME, AsJson, Name, Yes
from labctl.i18n import _


def destroy(yes: Yes = False, name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.destroy import destroy_lab
    from labctl.home import lab_home
    from labctl.lock import locked
    from labctl.providers.base import silent
    from labctl.render.screen import print_done

    home = lab_home(name)
    with locked(home):
        if not yes:
            confirm(_("Remove the lab {name} with all its checkpoints?", name=name))
        destroy_lab(name, silent)
    home.lock_file.unlink(missing_ok=True)
    print_done("destroy", _("the lab {name} is gone", name=name), as_json=as_json)
