"""Programs on this machine. No other module starts one; copies of labctl itself are in
`classroom.grader`.

Commands are lists, never shell text. An error contains the command as a line to run.
"""

from __future__ import annotations

import errno
import math
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labctl.errors import CommandFailed, LabError, MachineLacks
from labctl.hint import commands
from labctl.i18n import _
from labctl.quote import shell_line

# Looks at a command's output while it runs; returns an error to end it.
Guard = Callable[[str], LabError | None]


@dataclass(frozen=True)
class Completed:
    """A finished command: its words, exit status and both outputs."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        return self.returncode == 0


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    stdin: str | None = None,
    timeout: float | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    watch: Guard | None = None,
    most: int | None = None,
) -> Completed:
    """Run a command to its end and return what it said.

    Args:
        argv: The words of the command.
        check: Whether a status other than 0 is an error.
        stdin: What the command reads.
        timeout: Seconds.
        cwd: The folder in which the command runs.
        env: Variables in addition to this process's environment.
        log: The file to which both outputs go as they come. The `stdout` of the result is then
            what was added to the file.
        watch: Called once a second with what was added to `log` so far. If it returns an error,
            the command is ended and the error is raised.
        most: Bytes of output after which the command is killed, for a program that is not this
            machine's own. What it printed until then is returned.

    Raises:
        MachineLacks: The program is not installed, the file is no program, or this user may not
            write to `log`.
        CommandFailed: The command failed and `check` is true, or ran longer than `timeout`.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    try:
        with _starting(argv[0]):
            if most is not None:
                result = _run_limited(argv, timeout=timeout, env=environment, most=most)
            elif log is None:
                result = _run_captured(argv, stdin=stdin, timeout=timeout, cwd=cwd, env=environment)
            else:
                result = _run_logged(
                    argv, timeout=timeout, cwd=cwd, env=environment, log=log, watch=watch
                )
    except (FileNotFoundError, PermissionError) as error:
        if cwd is not None and not cwd.exists():
            raise
        raise _not_installed(argv[0]) from error
    except subprocess.TimeoutExpired as error:
        text = _("timed out after {seconds} s", seconds=timeout)
        raise CommandFailed(shell_line(argv), 124, text) from error
    if check and not result.ok:
        raise CommandFailed(shell_line(argv), result.returncode, result.stdout + result.stderr)
    return result


def _run_captured(
    argv: Sequence[str],
    *,
    stdin: str | None,
    timeout: float | None,
    cwd: Path | None,
    env: Mapping[str, str],
) -> Completed:
    done = subprocess.run(
        argv,
        input=None if stdin is None else stdin.encode(),
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=timeout,
        cwd=cwd,
        env=env,
        check=False,
    )
    return Completed(tuple(argv), done.returncode, decoded(done.stdout), decoded(done.stderr))


def _run_limited(
    argv: Sequence[str], *, timeout: float | None, env: Mapping[str, str], most: int
) -> Completed:
    """Only for Unix: Windows cannot wait for several pipes at once."""
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    out, err = bytearray(), bytearray()
    with (
        subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
        ) as process,
        selectors.DefaultSelector() as waiting,
    ):
        for pipe, said in ((process.stdout, out), (process.stderr, err)):
            assert pipe is not None  # a PIPE
            waiting.register(pipe, selectors.EVENT_READ, said)
        try:
            while waiting.get_map() and len(out) + len(err) < most:
                _read_some(waiting, deadline, argv, timeout)
        finally:
            if waiting.get_map():
                process.kill()
    return Completed(tuple(argv), process.returncode, decoded(bytes(out)), decoded(bytes(err)))


def _read_some(
    waiting: selectors.BaseSelector, deadline: float, argv: Sequence[str], timeout: float | None
) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise subprocess.TimeoutExpired(argv, timeout or 0)
    for pipe, _events in waiting.select(min(left, 60)):
        if more := os.read(pipe.fd, 65536):
            pipe.data.extend(more)
        else:
            waiting.unregister(pipe.fileobj)


def decoded(output: bytes) -> str:
    """The text that a program printed, with lines that end in a newline.

    Most programs print UTF-8 on every system. On Windows some print in the code page of the
    console, in which hardly any text is valid UTF-8 by accident.
    """
    try:
        text = output.decode("utf-8")
    except UnicodeDecodeError:
        text = output.decode(_console_encoding(), errors="replace")
    return text.replace("\r\n", "\n")


def _console_encoding() -> str:
    return "oem" if sys.platform == "win32" else "utf-8"


def _run_logged(
    argv: Sequence[str],
    *,
    timeout: float | None,
    cwd: Path | None,
    env: Mapping[str, str],
    log: Path,
    watch: Guard | None,
) -> Completed:
    with _opened_log(log) as sink:
        begin = sink.tell()
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, cwd=cwd, env=env
        )

    def said() -> str:
        with log.open("rb") as source:
            source.seek(begin)
            return decoded(source.read())

    deadline = None if timeout is None else time.monotonic() + timeout
    with process:
        try:
            while not _ended(process, deadline):
                if watch is not None and (error := watch(said())) is not None:
                    raise error
        except BaseException:
            _end(process)
            raise
    return Completed(tuple(argv), process.returncode, said(), "")


def _opened_log(log: Path) -> BinaryIO:
    """Open a log to add to it. An OSError here would be taken for a program that is missing."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")
    except (FileNotFoundError, PermissionError) as error:
        raise MachineLacks(
            _("{path} cannot be written", path=log),
            cause=error.strerror or "",
            hint=_(
                "run the command as the user who made the lab, and with sudo only if it was used"
                " then"
            ),
        ) from error


def _ended(process: subprocess.Popen[bytes], deadline: float | None) -> bool:
    """Wait a second at most, so that Ctrl-C is also heard on Windows."""
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        if deadline is not None and time.monotonic() > deadline:
            raise
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process politely, then by force after ten seconds."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()


def spawn(argv: Sequence[str], *, log: Path, cwd: Path | None = None) -> int:
    """Start a command that outlives labctl, in its own session. Returns its process id.

    Raises MachineLacks if the program is not installed, or this user may not write to `log`.
    """
    if shutil.which(argv[0]) is None:
        raise _not_installed(argv[0])
    with _opened_log(log) as sink, _starting(argv[0]):
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            start_new_session=True,
        )
    # Do not wait for the child, because it continues when labctl ends.
    process.returncode = 0
    return process.pid


def attach(
    argv: Sequence[str],
    *,
    stdin: int,
    stdout: int,
    stderr: BinaryIO,
) -> subprocess.Popen[bytes]:
    """Start a command on the given file descriptors (or PIPE); the caller ends it and waits for it.

    Ctrl-C in the terminal does not reach it, because labctl may still need it to clean up.

    Raises:
        MachineLacks: the program is not installed.
    """
    if shutil.which(argv[0]) is None:
        raise _not_installed(argv[0])
    with _starting(argv[0]):
        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            process_group=0 if sys.platform != "win32" else None,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )


def on_terminal(
    argv: Sequence[str], terminal: int, kind: str = "xterm-256color"
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own on a terminal, given as a file descriptor.

    When the terminal is closed, the session is hung up. Only for Linux. The caller waits for it.

    Args:
        kind: What the terminal is, for the variable TERM.

    Raises:
        MachineLacks: the program is not installed.
    """
    if shutil.which(argv[0]) is None:
        raise _not_installed(argv[0])
    # setsid(1) and not a function in the child: labctl may have threads.
    return subprocess.Popen(
        ["setsid", "--ctty", *argv],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": kind},
    )


def let_go_on(process: subprocess.Popen[bytes]) -> None:
    """Continue a command that is stopped. To be called again and again. Only for Linux.

    A host that shuts down stops all its programs for a moment (systemd-shutdown), and nsenter(1)
    stops itself when its child is stopped. The host continues the child only, and would then wait
    for ever until nsenter has seen it end.
    """
    with suppress(ChildProcessError, ProcessLookupError):
        if os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG) is not None:
            os.kill(process.pid, signal.SIGCONT)


def interactive(argv: Sequence[str]) -> int:
    """Run a command on the user's terminal (ssh, Thunderbird). Returns its exit status.

    Raises MachineLacks if the program is not installed.
    """
    if shutil.which(argv[0]) is None:
        raise _not_installed(argv[0])
    with _starting(argv[0]):
        return shell_status(subprocess.run(argv, check=False).returncode)


def shell_status(returncode: int) -> int:
    """The exit status as a shell reports it, also for a command that a signal ended."""
    return returncode if returncode >= 0 else 128 - returncode


def show(page: Path) -> None:
    """Open a file in the user's browser. Raises MachineLacks if there is none."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        raise MachineLacks(
            _("no browser was found on this machine"),
            hint=_("open the file yourself: {path}", path=page),
        )


@contextmanager
def _starting(program: str) -> Iterator[None]:
    """Raise MachineLacks with the name of a file that the system does not take for a program."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        raise MachineLacks(
            _("{name} is not a program that this machine can run", name=program),
            hint=commands("labctl doctor"),
        ) from error


def _not_installed(program: str) -> MachineLacks:
    return MachineLacks(
        _("the program {name} is not installed", name=program), hint=commands("labctl doctor")
    )
