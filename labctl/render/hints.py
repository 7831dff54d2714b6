"""A hint as text: its sentence, then each command on its own line, ready to copy."""

from __future__ import annotations

from labctl.commands import for_lab, hint_for_lab
from labctl.hint import Hint
from labctl.quote import typed_line


def command_line(command: str, lab: str) -> str:
    """A command as a person types it for the lab called `lab`."""
    return typed_line(for_lab(command.split(), lab))


def hint_lines(heading: str, hint: Hint, lab: str) -> list[str]:
    """The lines of a hint for the lab called `lab`; none for an empty one."""
    if not hint:
        return []
    file = [f"    {line}" for line in hint.file]
    lines = [f"  {typed_line(command)}" for command in hint_for_lab(hint, lab).commands]
    return [f"{heading}: {hint.text}".strip(), *file, *lines]


def hint_data(hint: Hint, lab: str) -> dict[str, object]:
    """The hint in a JSON document: as one line, and its commands as lists of words.

    If a file has to be written, also its lines.
    """
    named = hint_for_lab(hint, lab)
    data: dict[str, object] = {
        "hint": str(named),
        "commands": [list(command) for command in named.commands],
    }
    return data | {"file": list(hint.file)} if hint.file else data
