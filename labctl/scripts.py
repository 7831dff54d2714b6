"""Shell scripts that run on a host, kept in files that shellcheck reads.

A package keeps its scripts in a folder `scripts/` beside its modules. A script is POSIX sh and
takes every value as an argument. A line `. ./NAME.sh` is replaced by that file of the same
folder when the script is loaded, so that what is sent to a host is one text. What Windows is
asked is in scripts of PowerShell beside them (see labctl.machine.powershell).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

# Seconds that a script may take. In a virtual machine on an old computer a service takes more
# than a minute to restart.
PATIENCE = 240.0

_INCLUDE = re.compile(r"^\. \./(?P<name>[\w.-]+\.sh)$", re.MULTILINE)


@dataclass(frozen=True)
class Script:
    """A script by its package and file name. `str(script)` is what an error calls it."""

    package: str
    name: str

    @property
    def text(self) -> str:
        """The whole text with its includes, ready for `sh -euc`."""
        return _load(self.package, self.name)

    @property
    def line(self) -> str:
        """The text of a script that is one line, without its comments."""
        (line,) = (each for each in self.text.splitlines() if not each.startswith("#"))
        return line

    def __str__(self) -> str:
        return self.name


@cache
def _load(package: str, name: str) -> str:
    text = (resources.files(package) / "scripts" / name).read_text(encoding="utf-8")
    # By a function: a replacement text would have its backslashes read.
    return _INCLUDE.sub(lambda found: _load(package, found["name"]), text)
