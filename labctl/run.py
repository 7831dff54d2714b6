"""The only place that starts a process on this machine.

Commands are lists, never shell text. A failure carries the command as one could type it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labctl.errors import CommandFailed, MachineLacks
from labctl.hint import commands
from labctl.i18n import _
from labctl.quote import shell_line


@dataclass(frozen=True)
class Completed:
    """What a finished command left: its list of words, exit status and both outputs."""

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
) -> Completed:
    """Runs a command to its end and returns what it said.

    `timeout` is in seconds. `env` is added to this process's environment. With `log`, both
    outputs go to that file as they come, and `stdout` of the result is the file's text.

    Raises MachineLacks where the program is not installed, CommandFailed where `check` is set
    and it ended with another status than 0, or ran longer than `timeout`.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    try:
        if log is None:
            done = subprocess.run(
                argv,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                cwd=cwd,
                env=environment,
                check=False,
            )
            result = Completed(tuple(argv), done.returncode, done.stdout, done.stderr)
        else:
            result = _run_logged(argv, timeout, cwd, environment, log)
    except (FileNotFoundError, PermissionError) as error:
        if cwd is not None and not cwd.exists():
            raise
        raise _not_installed(argv[0]) from error
    except subprocess.TimeoutExpired as error:
        text = _("no end after {seconds} s", seconds=timeout)
        raise CommandFailed(shell_line(argv), 124, text) from error
    if check and not result.ok:
        raise CommandFailed(shell_line(argv), result.returncode, result.stdout + result.stderr)
    return result


def _run_logged(
    argv: Sequence[str],
    timeout: float | None,
    cwd: Path | None,
    environment: Mapping[str, str],
    log: Path,
) -> Completed:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a+", encoding="utf-8", errors="replace") as sink:
        start = sink.seek(0, os.SEEK_END)
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            cwd=cwd,
            env=dict(environment),
            check=False,
        )
        sink.seek(start)
        return Completed(tuple(argv), done.returncode, sink.read(), "")


def spawn(argv: Sequence[str], *, log: Path, cwd: Path | None = None) -> int:
    """Starts a command that outlives labctl, in a session of its own; returns its pid.

    Raises MachineLacks where the program is not installed.
    """
    if shutil.which(argv[0]) is None:
        raise _not_installed(argv[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            start_new_session=True,
        )
    # The child is not ours to wait for: it goes on when labctl ends.
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

    Ctrl-C in the terminal does not reach it: labctl may still need it to clean up.

    Raises:
        MachineLacks: the program is not installed.
    """
    if shutil.which(argv[0]) is None:
        raise _not_installed(argv[0])
    return subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        process_group=0 if sys.platform != "win32" else None,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def interactive(argv: Sequence[str]) -> int:
    """Runs a command on the user's own terminal (ssh, Thunderbird); returns its exit status.

    Raises MachineLacks where the program is not installed.
    """
    if shutil.which(argv[0]) is None:
        raise _not_installed(argv[0])
    status = subprocess.run(argv, check=False).returncode
    # As a shell tells of a command that a signal ended.
    return status if status >= 0 else 128 - status


def show(page: Path) -> None:
    """Opens a file in the person's own browser; raises MachineLacks where none is found."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        raise MachineLacks(
            _("no browser was found on this machine"),
            hint=_("open the file yourself: {path}", path=page),
        )


def _not_installed(program: str) -> MachineLacks:
    return MachineLacks(
        _("the program {name} is not installed", name=program), hint=commands("labctl doctor")
    )
