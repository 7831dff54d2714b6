"""Output streams: what is a terminal, and which errors mean that nobody reads any more."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from labctl.streams import is_closed_pipe, is_terminal


def test_a_pipe_and_the_null_device_are_no_terminals() -> None:
    with Path(os.devnull).open(encoding="utf-8") as null:
        assert not is_terminal(null)
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        assert not is_terminal(pipe)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_pseudo_terminal_is_one() -> None:
    import pty

    controller, terminal = pty.openpty()
    with os.fdopen(terminal, encoding="utf-8") as stream:
        assert is_terminal(stream)
    os.close(controller)


@pytest.mark.parametrize(
    ("system", "error", "closed"),
    [
        ("linux", BrokenPipeError(errno.EPIPE, "Broken pipe"), True),
        ("linux", OSError(errno.EINVAL, "Invalid argument"), False),
        ("linux", OSError(errno.ENOSPC, "No space left on device"), False),
        ("win32", OSError(errno.EINVAL, "Invalid argument"), True),
        ("win32", OSError(errno.EINVAL, "Invalid argument", "a?b"), False),
        ("win32", OSError(errno.ENOSPC, "No space left on device"), False),
    ],
)
def test_a_closed_pipe_is_known_on_every_system(
    monkeypatch: pytest.MonkeyPatch, system: str, error: OSError, closed: bool
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert is_closed_pipe(error) is closed
