"""Ask for confirmation before data is lost."""

from __future__ import annotations

import sys

import typer

from labctl.errors import WrongUsage
from labctl.i18n import _
from labctl.streams import is_terminal


def confirm(question: str) -> None:
    """Ask for confirmation. "No" ends the command.

    Raises WrongUsage without a terminal: a script must use --yes.
    """
    if not is_terminal(sys.stdin):
        raise WrongUsage(_("cannot ask for confirmation without a terminal"), hint=_("add --yes"))
    typer.confirm(question, abort=True, err=True)
