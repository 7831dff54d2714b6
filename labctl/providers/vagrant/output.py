"""What Vagrant prints with `--machine-readable`.

Source: https://developer.hashicorp.com/vagrant/docs/cli/machine-readable
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# The control sequences with which programs colour what they print (ECMA-48).
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# Vagrant escapes line breaks, but not the backslashes of a Windows path like 'C:\Users\naoko'.
_WINDOWS_PATH = re.compile(
    r"""(?P<path>(?P<quote>['"])[A-Za-z]:\\(?:(?!(?P=quote)).)*(?P=quote))"""
)


@dataclass(frozen=True)
class Row:
    """One line of Vagrant's machine-readable output; `target` is a machine or empty."""

    target: str
    kind: str
    data: tuple[str, ...]


def rows(output: str) -> list[Row]:
    """The machine-readable lines: time, target, kind, data..., each with escapes."""
    return [row for row in map(_row, output.splitlines()) if row is not None]


def readable(output: str) -> str:
    """The output as a person reads it: the texts of the rows, and all other lines unchanged."""
    shown = (_shown(line) for line in output.splitlines())
    return "".join(f"{text}\n" for text in shown if text is not None)


def plain(text: str) -> str:
    """The text without colours."""
    return _COLOURS.sub("", text)


def _row(line: str) -> Row | None:
    time, *fields = line.split(",")
    if not time.isdigit() or len(fields) < 2:
        return None
    target, kind, *data = fields
    return Row(target, kind, tuple(_unescape(each) for each in data))


def _shown(line: str) -> str | None:
    row = _row(line)
    if row is None:
        return line
    return row.data[1] if row.kind == "ui" and len(row.data) > 1 else None


def _unescape(text: str) -> str:
    parts, end = [], 0
    text = text.replace("%!(VAGRANT_COMMA)", ",")
    for path in _WINDOWS_PATH.finditer(text):
        parts += [_line_breaks(text[end : path.start()]), path["path"]]
        end = path.end()
    return "".join([*parts, _line_breaks(text[end:])])


def _line_breaks(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\r", "\r")
