"""The real program, started as a user does, on the tests' own lab."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labctl import waiting
from labctl.errors import ExitCode
from labctl.home import state_folder
from labctl.providers.rootfs.apt import guest_suite

# What the lab tests break and what they expect is written for hosts with Debian 12. The hosts of
# Debian 13 have tests of their own (tests/releases).
RELEASE = "bookworm"
# One lab per process of pytest-xdist.
LAB = "-".join(filter(None, ("lab-tests", os.environ.get("PYTEST_XDIST_WORKER"))))


@dataclass(frozen=True)
class Ended:
    """The exit code and both outputs of a labctl run."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)["data"]

    @property
    def error(self) -> Any:
        """The message, cause and hint of the error, from a labctl run with --json."""
        return json.loads(self.out)["error"]

    @property
    def wrong(self) -> list[dict[str, str]]:
        """The failed findings in the document of `labctl check --json`."""
        reports = self.json["reports"]
        return [each for report in reports for each in report["findings"] if not each["ok"]]


def labctl(
    *args: str, name: str = LAB, code: int | None = 0, lang: str = "en", within: Sequence[str] = ()
) -> Ended:
    """Run labctl to its end. `code` is the expected exit code, or None for any.

    `within` is a command prefix (env, unshare).
    """
    if args[:1] == ("up",) and name == LAB and guest_suite(None) != RELEASE:
        args += ("--release", RELEASE)
    done = subprocess.run(
        [*within, sys.executable, "-m", "labctl", *args],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LABCTL_NAME": name, "LABCTL_LANG": lang},
        check=False,
        timeout=600,
    )
    assert done.returncode != ExitCode.DEFECT, (state_folder() / "defect.txt").read_text()
    if code is not None:
        assert done.returncode == code, f"labctl {args}\n{done.stdout}\n{done.stderr}"
    return Ended(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Screen:
    """A program on a terminal, and the terminal."""

    process: subprocess.Popen[bytes]
    terminal: int

    def shows(self, text: str, seconds: float = 60) -> str:
        """Wait for the text. Returns the output since the last call."""
        deadline = time.monotonic() + seconds
        written = ""
        while text not in written:
            left = max(0, deadline - time.monotonic())
            assert select.select([self.terminal], [], [], left)[0], written
            written += os.read(self.terminal, 65536).decode(errors="replace")
        return written

    def interrupted(self) -> int:
        """Send Ctrl-C as a terminal does. Returns the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        # A program blocks if nobody reads its terminal. The end of the program is a read error.
        with suppress(OSError):
            while os.read(self.terminal, 65536):
                pass
        return self.process.wait(60)


@contextmanager
def on_screen(*args: str) -> Iterator[Screen]:
    """Run labctl on a terminal of the usual size while the test continues."""
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 80))
    process = subprocess.Popen(
        [sys.executable, "-m", "labctl", *args],
        stdin=end,
        stdout=end,
        stderr=end,
        env={**os.environ, "LABCTL_NAME": LAB, "LABCTL_LANG": "en", "TERM": "xterm"},
        start_new_session=True,
    )
    os.close(end)
    try:
        yield Screen(process, terminal)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def started(*args: str) -> subprocess.Popen[str]:
    """Run labctl while the test continues."""
    return subprocess.Popen(
        [sys.executable, "-m", "labctl", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LABCTL_NAME": LAB, "LABCTL_LANG": "en"},
        start_new_session=True,
    )


def interrupt(process: subprocess.Popen[str]) -> int:
    """Send SIGINT to the whole foreground group, as a terminal does for Ctrl-C."""
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    return process.returncode


def on_host(host: str, command: str, *, user: str = "root", code: int | None = 0) -> Ended:
    """Run a shell command on a host through labctl."""
    return labctl("ssh", host, "--user", user, "--", "sh", "-c", command, code=code)


def wait_for(path: Path, seconds: float = 120) -> None:
    """Wait for a file. The test fails if it does not appear."""
    wait_until(path.exists, f"{path} did not appear", seconds)


def wait_until(condition: Callable[[], bool], otherwise: str, seconds: float = 120) -> None:
    """Wait for a condition. If it does not come true, the test fails with `otherwise`."""
    assert waiting.wait_until(seconds, condition, every=0.01), otherwise
