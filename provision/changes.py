"""Runs the script of a step, and reads the changes and the failure that it reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from labctl.errors import CommandFailed, LabError
from labctl.i18n import _
from labctl.results import Change, ChangeKind
from labctl.scripts import PATIENCE, Script
from provision.failures import failure_of
from provision.step import Target


def host_script(
    target: Target,
    script: Script,
    *args: str,
    stdin: str | None = None,
    timeout: float = PATIENCE,
) -> list[Change]:
    """Run a step's script on the host.

    Args:
        stdin: what is secret; everything else goes into `args`.
        timeout: seconds.

    Returns:
        The changes, in the order in which the script reported them.

    Raises:
        LabError: the script failed. The error says what failed in the system's own words.
    """
    try:
        done = target.remote.script(script, *args, stdin=stdin, timeout=timeout)
    except CommandFailed as error:
        raise failure_of(error, target.host.name) from error
    return parse_changes(done.stdout)


def parse_changes(output: str) -> list[Change]:
    """The changes in a script's output: `changed KIND SUBJECT`, separated by tabs.

    Raises:
        LabError: a line is not a change, or labctl does not know its kind.
    """
    return [_parse_line(line) for line in output.splitlines()]


def _parse_line(line: str) -> Change:
    match line.split("\t"):
        case ["changed", kind, subject] if kind in [*ChangeKind]:
            return Change(ChangeKind(kind), subject)
    raise LabError(_("a script on a host reported an unknown change"), cause=line)


def wrote_any(changes: Iterable[Change], paths: Collection[str]) -> bool:
    """Whether one of the files was written."""
    return any(change.kind is ChangeKind.WROTE and change.subject in paths for change in changes)


def flag(value: object) -> str:
    """A truth value as an argument of a script: "yes" or ""."""
    return "yes" if value else ""
