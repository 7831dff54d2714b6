"""What other commands of labctl do to a seat while the board of its class runs."""

from __future__ import annotations

from labctl.home import LabHome
from labctl.lock import command_at_work

# Commands that stop hosts or start them, and what the board calls it. The others leave the hosts
# and their terminals as they are.
_VERBS = {
    "--undo": "undo",
    "undo": "undo",
    "reset": "reset",
    "up": "other",
    "down": "stop",
    "destroy": "stop",
}
# What returns the hosts to another state and starts them again at once.
RESETS = ("reset", "undo")
# What stops the hosts for long.
STOPS = "stop"


def verb_elsewhere(home: LabHome) -> str:
    """What a command of another process does to the hosts of a lab; "" if none does anything.

    It is `reset`, `undo`, `stop` or `other`.
    """
    words = command_at_work(home).split()
    return next((verb for word, verb in _VERBS.items() if word in words), "")
