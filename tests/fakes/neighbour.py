"""Another labctl: a process that has the lock of a lab until it is told to end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SCRIPT = """
import sys
from labctl.home import lab_home
from labctl.lock import locked
lab, sys.argv = sys.argv[1], ["labctl", *sys.argv[2:]]
with locked(lab_home(lab)):
    print("working", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_labctl(lab: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process whose command line is `labctl WORDS`, and that works on the lab."""
    argv = [sys.executable, "-c", _SCRIPT, lab, *words]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "working\n"
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait()
