"""The command line, one file per command. A command parses, calls one function and renders.

`labctl --help` imports only Typer. A command imports what it needs when it runs, so that help and
completion are fast.
"""

from __future__ import annotations

import gc
import os
import sys

# A command is over in a second or two: to look for garbage every 700 objects, as hundreds of
# modules load, is a tenth of that; so is pydantic's search of all packages for plugins.
gc.set_threshold(200_000)
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")


def main() -> None:
    """Run labctl and exit with one of its exit codes (docs/reference/exit-codes.md)."""
    code = 1
    try:
        code = _run()
        sys.stdout.flush()
    except OSError as error:
        code = _unsaid(error, code)
    # Python looks through everything once more when it ends, unless it is told not to.
    gc.freeze()
    sys.exit(code)


def _run() -> int:
    try:
        from labctl.cli.app import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        from labctl.errors import ExitCode
        from labctl.i18n import _

        sys.stderr.write(_("interrupted; run the same command again") + "\n")
        return ExitCode.INTERRUPTED
    except OSError:
        # Of a stream that was closed.
        raise
    except Exception as error:
        from labctl.cli.app import refused_by_defect

        return refused_by_defect(error, sys.argv[1:])


def _unsaid(error: OSError, code: int) -> int:
    """Handle a failed write to stdout: an error on a full disk, silence for a closed pipe."""
    # Otherwise Python would try to write again when it exits.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    from labctl.streams import is_closed_pipe

    if is_closed_pipe(error):
        return code
    from labctl.cli.app import refused_by_machine

    return refused_by_machine(error)
