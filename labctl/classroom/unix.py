"""The servers of a class need Unix: its sockets, users and signals. The board needs Linux."""

from __future__ import annotations

import signal
import sys
from signal import Signals

from labctl.errors import MachineLacks
from labctl.hint import Hint
from labctl.i18n import _


def ensure_unix() -> None:
    """Raise MachineLacks on Windows."""
    if sys.platform == "win32":
        raise MachineLacks(_("Windows cannot serve a class to its students"), hint=_other_machine())


def ensure_linux() -> None:
    """Raise MachineLacks on all other systems.

    The board asks who is at the other end of a socket (unix(7), SO_PEERCRED), and its terminals
    need setsid(1).
    """
    if sys.platform != "linux":
        raise MachineLacks(_("the board of a class runs on Linux only"), hint=_other_machine())


def ending_signals() -> tuple[Signals, ...]:
    """The signals that end a server of a class, so that it tidies up.

    Not SIGHUP if it is ignored: nohup(1) keeps a server when its terminal is closed.
    """
    hang_up = signal.SIGHUP
    ignored = signal.getsignal(hang_up) is signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, *(() if ignored else (hang_up,)))


def _other_machine() -> Hint:
    return Hint(_("set up the class on a machine with Linux"))
