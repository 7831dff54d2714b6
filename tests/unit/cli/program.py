"""The real program, from its words to its exit code and both outputs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from labctl import i18n
from labctl.cli.app import run
from labctl.errors import ExitCode


@dataclass(frozen=True)
class Ended:
    """The exit code and both outputs of a labctl run."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON document. Any other output is an error."""
        return json.loads(self.out)


def labctl(*args: str, code: int | None, env: Mapping[str, str] | None = None) -> Ended:
    """Run labctl to its end in this process. It must end with `code`, if any.

    A process of its own takes half a second, so it is for the tests about processes.
    """
    # The ends of lines are the same on every system.
    out, err = (
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _stream in range(2)
    )
    with (
        mock.patch.dict(os.environ, {"LABCTL_LANG": "en", **(env or {})}),
        # What an earlier run chose is not this run's.
        mock.patch.multiple(i18n, _chosen=None, _preferred=None),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        ended = run(list(args))
        out.flush()
        err.flush()
    said = (stream.buffer.getvalue().decode() for stream in (out, err))
    return _ended(args, ended, *said, code=code)


def labctl_process(
    *args: str | bytes,
    code: int | None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run labctl in a process, as a user starts it. It must end with `code`, if any."""
    done = subprocess.run(
        [sys.executable, "-m", "labctl", *args],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={**os.environ, "LABCTL_LANG": "en", **(env or {})},
        check=False,
        timeout=20,
    )
    out, err = (stream.decode(errors="replace") for stream in (done.stdout, done.stderr))
    return _ended(args, done.returncode, out, err, code=code)


def completing(words: str) -> dict[str, str]:
    """The environment in which bash asks labctl what comes after these words."""
    return {
        "_LABCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }


def completed(words: str, cwd: Path | None = None) -> Ended:
    """What labctl offers for the last of these words."""
    return labctl_process(code=0, cwd=cwd, env=completing(words))


def _ended(args: object, status: int, out: str, err: str, *, code: int | None) -> Ended:
    assert status != ExitCode.DEFECT, err
    assert code in (None, status), f"labctl {args!r} ended with {status}\n{out}\n{err}"
    return Ended(status, out, err)
