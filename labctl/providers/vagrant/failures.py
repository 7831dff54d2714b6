"""Translate a failed Vagrant command into a LabError.

An error without an entry in the table of meanings keeps Vagrant's text and gets a general hint.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from labctl.errors import CommandFailed, LabError
from labctl.hint import Hint
from labctl.i18n import _
from labctl.providers.vagrant.meaning import Meaning
from labctl.providers.vagrant.meanings import MEANINGS
from labctl.providers.vagrant.output import plain, readable
from labctl.providers.vagrant.texts import class_of
from labctl.quote import shell_line
from labctl.run import Completed

# The line of a Ruby traceback that names the exception, and what libvirt's library says.
_EXCEPTION = re.compile(r"\(((\w+::)*\w*(Error|Exception)|Errno::\w+)\)$|failed: internal error: ")
# The class of an error that only collects the errors of machines that booted in parallel.
_COLLECTION = "BatchMultiError"
# What comes before VBoxManage's own words in the text of a VBoxManageError. The arguments of the
# command also name networks and folders, so only its first word counts.
_COMMAND = re.compile(r'Command: \["(\w+)".*?Stderr: ')


def failure(
    words: Sequence[str], done: Completed, errors: Sequence[tuple[str, ...]], log: Path
) -> LabError:
    """The error for a failed Vagrant command.

    Args:
        words: The command without the program name.
        done: The result of the command.
        errors: The fields of its `error-exit` lines: the class, then the text.
        log: The file with the whole output.
    """
    kind, reason = _first(errors) if errors else ("", readable(done.stdout) + done.stderr)
    reason = plain(reason).strip()
    meaning = _meaning(kind, reason)
    if meaning is not None:
        return meaning.error_for(reason if errors else _end(reason, keep=12))
    hint = Hint(
        _(
            "{log} has the whole output; if the doctor finds nothing and the command fails again,"
            " rebuild the lab",
            log=log,
        ),
        (("labctl", "doctor"), ("labctl", "destroy"), ("labctl", "up")),
    )
    said = f"{kind}: {reason}" if kind else _end(reason)
    return CommandFailed(shell_line(["vagrant", *words]), done.returncode, said, hint=hint)


def _first(errors: Sequence[tuple[str, ...]]) -> tuple[str, str]:
    name, *text = errors[0]
    return name.rpartition("::")[2], "\n".join(text)


def _meaning(kind: str, reason: str) -> Meaning | None:
    """The entry that explains an error, wherever its lines are broken."""
    said = _COMMAND.sub(r"\1: ", " ".join(reason.split()))
    if kind in ("", _COLLECTION):
        kind = class_of(said)
    return next((each for each in MEANINGS if each.matches(kind, said)), None)


def _end(output: str, keep: int = 8) -> str:
    """The cause, from an output without an `error-exit` line.

    It is the line of a Ruby traceback that names the exception, or the last `keep` lines.
    """
    lines = [line for line in output.splitlines() if line.strip()]
    named = [line.partition("': ")[2] or line for line in lines if _EXCEPTION.search(line)]
    return named[0] if named else "\n".join(lines[-keep:])
