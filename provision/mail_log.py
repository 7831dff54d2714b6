"""What a host's mail log says last of something."""

from __future__ import annotations

from labctl.scripts import Script
from provision.facts import ask
from provision.step import Target

_TAIL = Script("provision", "log-tail.sh")


def last_lines(target: Target, pattern: str, count: int) -> list[str]:
    """The last lines of the host's mail log that match an extended regular expression.

    Raises:
        CommandFailed: the host did not answer in time.
        WrongState: the host does not answer.
    """
    return ask(target, _TAIL, target.family.mail_log, pattern, str(count)).lines("log")
