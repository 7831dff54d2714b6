"""The servers of a class need Unix: its sockets, users and signals."""

from __future__ import annotations

import sys

from labctl.errors import MachineLacks
from labctl.hint import Hint
from labctl.i18n import _


def ensure_unix() -> None:
    """Raise MachineLacks on Windows."""
    if sys.platform == "win32":
        raise MachineLacks(
            _("Windows cannot serve a class to its students"),
            hint=Hint(_("set up the class on a machine with Linux")),
        )
