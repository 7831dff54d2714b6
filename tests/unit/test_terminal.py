"""What is a terminal and what only says so."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from labctl.terminal import is_terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


def test_a_pipe_and_the_null_device_are_no_terminals() -> None:
    with Path(os.devnull).open(encoding="utf-8") as null:
        assert not is_terminal(null)
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        assert not is_terminal(pipe)


def test_a_pseudo_terminal_is_one() -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, encoding="utf-8") as stream:
        assert is_terminal(stream)
    os.close(controller)
