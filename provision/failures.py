"""What a step's script could not do, told in the words of the system that refused it.

A script reports a failure as a line `failed KIND SUBJECT` and lines `because REASON` (see
scripts/change.sh). Any other failing command is reported by its own words.
"""

from __future__ import annotations

from enum import StrEnum

from labctl.errors import CommandFailed, LabError
from labctl.hint import Hint, commands
from labctl.i18n import N_, _

# What apt says of a mirror's file that comes from the host's future.
_OTHER_TIME = "is not valid yet"
# The last lines of an output that say why, if a script did not tell.
_LINES = 6


class FailureKind(StrEnum):
    """What a script was doing when it failed. A script on a host prints these words."""

    START = "start"
    RELOAD = "reload"
    ENABLE = "enable"
    INSTALL = "install"
    REACH_MIRROR = "reach-mirror"
    RUN = "run"


_MESSAGES = {
    FailureKind.START: N_("{subject} cannot be started on {host}"),
    FailureKind.RELOAD: N_("{subject} cannot be reloaded on {host}"),
    FailureKind.ENABLE: N_("{subject} cannot be enabled on {host}"),
    FailureKind.INSTALL: N_("{subject} cannot be installed on {host}"),
    FailureKind.REACH_MIRROR: N_("{host} cannot reach its package mirror"),
    FailureKind.RUN: N_("{subject} failed on {host}"),
}


def failure_of(error: CommandFailed, host: str) -> LabError:
    """The error for a person: what failed on the host, why, and what to type next."""
    kind, subject = _reported(error.output)
    lines = error.output.splitlines()
    reasons = [line.partition("\t")[2] for line in lines if line.startswith("because\t")]
    if kind is None:
        said = [line for line in lines if line.strip() and not line.startswith("changed\t")]
        reasons = said[-_LINES:] or [f"exit {error.returncode}"]
    if any(_OTHER_TIME in line for line in reasons):
        return LabError(
            _("the clock of {host} does not fit its package mirror", host=host),
            cause="\n".join(reasons),
            hint=commands(
                "labctl down", "labctl up", text=_("set the date and time of this machine")
            ),
        )
    return LabError(
        _message(kind, subject, host, error),
        cause="\n".join(reasons),
        hint=_hint(kind, subject, host, reasons),
    )


def _reported(output: str) -> tuple[FailureKind | None, str]:
    for line in output.splitlines():
        match line.split("\t"):
            case ["failed", kind, subject] if kind in [*FailureKind]:
                return FailureKind(kind), subject
    return None, ""


def _message(kind: FailureKind | None, subject: str, host: str, error: CommandFailed) -> str:
    if kind is None:
        kind, subject = FailureKind.RUN, error.command
    return _(_MESSAGES[kind], subject=subject, host=host)


def _hint(kind: FailureKind | None, subject: str, host: str, reasons: list[str]) -> Hint:
    shell = ["labctl", "ssh", host]
    if any("No space left on device" in line for line in reasons):
        free = [*shell, "--", "df", "-h"]
        return commands(free, "labctl up", text=_("the disk is full: free some space"))
    match kind:
        case FailureKind.REACH_MIRROR:
            text = _("check that this machine is connected to the internet")
            return commands("labctl net open", "labctl up", text=text)
        case FailureKind.START | FailureKind.RELOAD:
            journal = [*shell, "--", "sudo", "journalctl", "-u", subject]
            return commands(journal, "labctl up", text=_("correct this on {host}", host=host))
    return commands(shell, "labctl up", text=_("correct this on {host}", host=host))
