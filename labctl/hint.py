"""What to do next, as data: a sentence and the commands to type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labctl.quote import typed_line

Command = tuple[str, ...]


@dataclass(frozen=True)
class Hint:
    """Advice that ends an error or a result.

    `text` is one sentence in the user's language, or "". `commands` are command lines as lists
    of words, in the order in which to type them. A command of labctl is written for the default
    lab: the renderer adds `--name` for any other. `file` are the lines of the file that `text`
    names.
    """

    text: str = ""
    commands: tuple[Command, ...] = ()
    file: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.commands)

    def __str__(self) -> str:
        """The hint on one line, as JSON and logs have it."""
        lines = ", ".join(typed_line(command) for command in self.commands)
        return ": ".join(part for part in (self.text, ", ".join(self.file), lines) if part)


def commands(*lines: Sequence[str] | str, text: str = "") -> Hint:
    """A hint of commands. A line is a list of words, or text without quoting to split at spaces."""
    return Hint(
        text, tuple(tuple(line.split() if isinstance(line, str) else line) for line in lines)
    )
