"""A command on a terminal of its own, shown on the user's terminal. Only for Linux.

A host's program must not get the user's terminal itself: it could type commands into the shell
that started labctl (TIOCSTI in ioctl_tty(2)), or go on reading what is typed there.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from subprocess import TimeoutExpired
from types import FrameType

from labctl.run import let_go_on, on_terminal, shell_status

# Seconds between two looks at a command that prints nothing, and in which one may end.
_LOOK_SECONDS, _ENDS_SECONDS = 0.2, 2.0
# What a terminal sends for Ctrl-D.
_END = b"\x04"


def relayed(argv: Sequence[str]) -> int:
    """Run the command until it ends. Returns its exit status.

    Raises:
        MachineLacks: The program is not installed.
    """
    master, slave = os.openpty()
    try:
        process = on_terminal(argv, slave, os.environ.get("TERM", "dumb"))
    finally:
        os.close(slave)

    def runs() -> bool:
        let_go_on(process)
        return process.poll() is None

    try:
        with _raw(sys.stdin.fileno()), _same_size(sys.stdin.fileno(), master):
            _copy(sys.stdin.fileno(), sys.stdout.fileno(), master, runs)
        # A program closes its terminal just before it ends.
        with suppress(TimeoutExpired):
            process.wait(_ENDS_SECONDS)
    finally:
        # This hangs the session up.
        os.close(master)
    return shell_status(process.wait())


def _copy(keyboard: int, screen: int, master: int, runs: Callable[[], bool]) -> None:
    """Copy what is typed and what is printed, until the command has ended and prints no more."""
    # A command that prints before it reads must not wait for what is typed meanwhile.
    os.set_blocking(master, False)
    typed, is_open, has_ended = bytearray(), True, False
    while True:
        # The next keys are read after the command took the last ones.
        sources = [master, keyboard] if is_open and not typed else [master]
        targets = [master] if typed else []
        # Unlike other ways to wait, this one takes a file, too.
        seconds = 0 if has_ended else _LOOK_SECONDS
        readable, writable, _errors = select.select(sources, targets, [], seconds)
        if not readable and not writable:
            if has_ended:
                return
            # What it printed just before its end is still to be read.
            has_ended = not runs()
        if master in readable:
            try:
                printed = os.read(master, 65536)
            except BlockingIOError:
                continue
            except OSError:
                # The last process on the terminal ended.
                return
            if not printed:
                return
            _write(screen, printed)
        if keyboard in readable:
            content = os.read(keyboard, 4096)
            typed += content or _END
            is_open = bool(content)
        if typed:
            _type(master, typed)


def _type(master: int, typed: bytearray) -> None:
    """Type as much as the terminal takes now, and leave the rest."""
    try:
        del typed[: os.write(master, typed)]
    except BlockingIOError:
        pass
    except OSError:
        # The command has just ended.
        typed.clear()


def _write(screen: int, content: bytes) -> None:
    while content:
        content = content[os.write(screen, content) :]


@contextmanager
def _raw(keyboard: int) -> Iterator[None]:
    """Each key goes to the command as it is typed, Ctrl-C too."""
    # Not available on Windows, where labctl is imported too.
    import termios
    import tty

    if not os.isatty(keyboard):
        yield
        return
    before = termios.tcgetattr(keyboard)
    tty.setraw(keyboard)
    try:
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSAFLUSH, before)


@contextmanager
def _same_size(keyboard: int, master: int) -> Iterator[None]:
    """The terminal of the command has the size of the user's."""
    import termios

    def resize(_number: int = 0, _frame: FrameType | None = None) -> None:
        with suppress(OSError, termios.error):
            termios.tcsetwinsize(master, termios.tcgetwinsize(keyboard))

    resize()
    before = signal.signal(signal.SIGWINCH, resize)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
