"""The lab of the Vagrant tests, and the real program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lab.program import Ended

NAME = "vagrant-tests"
# Small, because the machines are emulated.
LAB_FILE = 'provider = "vagrant"\nmemory = 512\n'


def labctl(*args: str, code: int = 0, **variables: str) -> Ended:
    """Run labctl to its end. `code` is the expected exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "labctl", *args],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LABCTL_NAME": NAME, "LABCTL_LANG": "en", **variables},
        check=False,
        timeout=3000,
    )
    assert done.returncode == code, f"labctl {args}\n{done.stdout}\n{done.stderr}"
    return Ended(done.returncode, done.stdout, done.stderr)


def write_lab_file(folder: Path) -> Path:
    path = folder / "labctl.toml"
    path.write_text(LAB_FILE, encoding="utf-8")
    return path


def on_host(host: str, command: str) -> str:
    """Run a shell command on a host through labctl and return its output."""
    return labctl("ssh", host, "--user", "root", "--", "sh", "-c", command).out
