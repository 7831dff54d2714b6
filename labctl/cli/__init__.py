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
    code = 1
    try:
        code = _run()
        sys.stdout.flush()
    except OSError as error:
        code = _unsaid(error, code)
    sys.exit(code)


def _run() -> int:
    try:
        from labctl.cli.app import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        from labctl.errors import ExitCode
        from labctl.i18n import _

        sys.stderr.write(_("interrupted; the same command again goes on from here") + "\n")
        return ExitCode.INTERRUPTED


def _unsaid(error: OSError, code: int) -> int:
    """Standard output takes no more: an error on a full disk, none of a reader that has enough."""
    # Python would try once more at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return code
    from labctl.cli.app import refused_by_machine

    return refused_by_machine(error)
