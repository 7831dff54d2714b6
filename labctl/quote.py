"""The one place that quotes for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence


def shell_line(argv: Sequence[str]) -> str:
    """The command line a POSIX shell reads back as exactly `argv`."""
    return shlex.join(argv)
