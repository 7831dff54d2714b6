"""The one place that quotes for a shell."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence


def shell_line(argv: Sequence[str]) -> str:
    """The command line a POSIX shell reads back as exactly `argv`."""
    return shlex.join(argv)


def typed_line(argv: Sequence[str]) -> str:
    """The command line that a person types on this machine: in PowerShell on Windows."""
    return _powershell_line(argv) if sys.platform == "win32" else shell_line(argv)


def _powershell_line(argv: Sequence[str]) -> str:
    words = [_powershell_word(word) for word in argv]
    # A line that begins with a quoted word is a text, unless `&` calls it.
    return " ".join(["&", *words] if words[0].startswith("'") else words)


def _powershell_word(word: str) -> str:
    if re.fullmatch(r"[\w./:\\=+-]+", word, re.ASCII):
        return word
    return "'" + word.replace("'", "''") + "'"
