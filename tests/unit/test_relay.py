"""A host's program on a terminal of its own: it is used as ever, and reaches no other terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs setsid(1)")

PROGRAM = "import sys; from labctl.relay import relayed; sys.exit(relayed(sys.argv[1:]))"
# Types a line into the terminal, as if a person did (ioctl_tty(2)). Newer kernels refuse it.
TYPE = """
import fcntl, termios
for key in b"evil\\n":
    fcntl.ioctl(0, termios.TIOCSTI, bytes([key]))
"""


def started(argv: Sequence[str], stdin: int, stdout: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *argv], stdin=stdin, stdout=stdout)


def test_what_is_piped_in_is_typed_and_the_exit_status_comes_back() -> None:
    running = started(
        ["sh", "-c", 'read word; echo "got $word"; cat; exit 3'], subprocess.PIPE, subprocess.PIPE
    )
    out, _err = running.communicate(b"hello\n", timeout=30)
    assert b"got hello" in out
    assert running.returncode == 3


def test_a_file_as_input_ends_the_command() -> None:
    with Path(os.devnull).open("rb") as nothing:
        running = started(["cat"], nothing.fileno(), subprocess.PIPE)
        running.communicate(timeout=30)
    assert running.returncode == 0


def test_a_command_ended_by_a_signal_is_told_as_a_shell_does() -> None:
    running = started(["sh", "-c", "kill -KILL $$"], subprocess.PIPE, subprocess.PIPE)
    running.communicate(timeout=30)
    assert running.returncode == 128 + 9


@pytest.fixture
def terminal() -> tuple[int, int]:
    """The instructor's terminal: what is behind it, and what programs get."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (31, 97))
    return master, slave


def seen(master: int, running: subprocess.Popen[bytes]) -> str:
    """What the terminal showed until the program ended."""
    assert running.wait(30) == 0
    os.set_blocking(master, False)
    return os.read(master, 65536).decode()


def test_the_command_has_another_terminal_of_the_same_size(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    before = termios.tcgetattr(slave)
    shown = seen(master, started(["sh", "-c", "tty; stty size"], slave, slave))
    other, size = shown.split("\r\n")[:2]
    assert other.startswith("/dev/pts/") and other != os.ttyname(slave)
    assert size == "31 97"
    assert termios.tcgetattr(slave) == before


def test_what_the_command_types_does_not_reach_the_users_shell(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    running = started(["sh", "-c", f"{sys.executable} -c '{TYPE}' 2>/dev/null; true"], slave, slave)
    seen(master, running)
    os.set_blocking(slave, False)
    with pytest.raises(BlockingIOError):
        os.read(slave, 100)


def test_a_large_paste_waits_for_a_command_that_prints_first() -> None:
    """Neither may stop: the command that prints, or the relay that types."""
    lines = b"x" * 79 + b"\n"
    script = 'stty -echo; head -c 400000 /dev/zero | tr "\\0" y; echo; echo "got $(wc -c)"'
    running = started(["sh", "-c", script], subprocess.PIPE, subprocess.PIPE)
    out, _err = running.communicate(lines * 4000, timeout=60)
    assert b"got 320000" in out
    assert out.count(b"y") == 400000
    assert running.returncode == 0


def test_a_command_that_is_stopped_goes_on() -> None:
    """As nsenter(1) when its host shuts down, which waits for the login to end."""
    script = "echo before; kill -STOP $$; echo after"
    running = started(["sh", "-c", script], subprocess.PIPE, subprocess.PIPE)
    out, _err = running.communicate(timeout=30)
    assert b"after" in out
    assert running.returncode == 0
