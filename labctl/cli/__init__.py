"""The command line: one file a command, each parses, calls and renders. No logic here.

Running `labctl --help` costs Typer and nothing else; what a command needs, it imports when it
runs, so that help and completion answer at once.
"""

from __future__ import annotations

import gc
import os
import sys

# A command is over in a second or two: to look for garbage every 700 objects, as hundreds of
# modules load, is a tenth of that; so is pydantic's search of all packages for plugins.
gc.set_threshold(50_000)
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")


def main() -> None:
    """Runs labctl and exits with one of its exit codes (docs/reference/exit-codes.md)."""
    try:
        from labctl.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        from labctl.errors import ExitCode
        from labctl.i18n import _

        sys.stderr.write(_("interrupted; the same command again goes on from here") + "\n")
        code = ExitCode.INTERRUPTED
    _say_the_rest()
    sys.exit(code)


def _say_the_rest() -> None:
    """Empties the buffers; a reader that has seen enough (head, less) is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
