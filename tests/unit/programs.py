"""Commands that run on every system, in place of those of a shell."""

from __future__ import annotations

import sys


def python(script: str) -> list[str]:
    """The command that runs a script of Python. It cannot import what is not in the library."""
    return [sys.executable, "-S", "-c", f"import os, sys, time\n{script}"]
