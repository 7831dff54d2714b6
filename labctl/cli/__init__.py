"""The command line: one file a command, each parses, calls and renders. No logic here.

Importing this package costs Typer and nothing else; what a command needs, it imports when it
runs, so that `labctl --help` and completion answer at once.
"""

from labctl.cli.app import main

__all__ = ["main"]
