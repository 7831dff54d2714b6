"""`labctl destroy`: remove the lab completely."""

from __future__ import annotations

from labctl.cli.confirm import confirm
from labctl.cli.options import DEFAULT_NAME, AsJson, Name, Yes
from labctl.i18n import _


def destroy(yes: Yes = False, name: Name = DEFAULT_NAME, as_json: AsJson = False) -> None:
    from labctl.destroy import as_far_as_known, destroy_lab
    from labctl.home import lab_home
    from labctl.lock import locked
    from labctl.render.progress import Live
    from labctl.render.screen import print_done

    home = lab_home(name)
    # First of all: it also takes the language of the lab file.
    lab = as_far_as_known(home)
    with locked(home, removes=True):
        if not yes:
            confirm(_("Remove the lab {name} with all its checkpoints?", name=name))
        existed = home.state.exists()
        with Live(lab, quiet=as_json) as live:
            destroy_lab(name, live.progress)
    text = (
        _("the lab {name} was removed", name=name)
        if existed
        else _("the lab {name} does not exist", name=name)
    )
    print_done("destroy", text, as_json=as_json)
