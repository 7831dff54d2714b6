"""Asking before something is lost."""

from __future__ import annotations

import sys

import typer

from labctl.errors import WrongUsage
from labctl.i18n import _


def confirm(question: str) -> None:
    """Goes on at yes, ends the command at no.

    Raises WrongUsage where nobody is there to ask, for a script must say --yes itself.
    """
    if not sys.stdin.isatty():
        raise WrongUsage(_("not asked, since this is no terminal"), hint=_("add --yes"))
    typer.confirm(question, abort=True, err=True)
