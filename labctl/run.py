"""Processes on this machine. No other module starts one.

Commands are lists, never shell text. An error contains the command as a line to run.
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
) -> Completed:
    """Run a command to its end.

    `timeout` is in seconds. `env` is added to the environment. With `log`, both outputs are
    written to that file, and `stdout` of the result is the text of the file.

    Raises MachineLacks if the program is not installed. Raises CommandFailed on timeout, or if
    `check` is set and the exit status is not 0.
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
    """Start a command that outlives labctl, in its own session. Returns its process id.

    Raises MachineLacks if the program is not installed.
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
    """Run a command on the user's terminal (ssh, Thunderbird). Returns its exit status.

    Raises MachineLacks if the program is not installed.
    """
    if shutil.which(argv[0]) is None:
        raise _not_installed(argv[0])
    status = subprocess.run(argv, check=False).returncode
    # The exit status that a shell reports for a command ended by a signal.
    return status if status >= 0 else 128 - status


def show(page: Path) -> None:
    """Open a file in the user's browser. Raises MachineLacks if there is none."""
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
