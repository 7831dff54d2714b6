"""A hint as lines on the screen: its sentence, what goes into a file, and the commands."""

from __future__ import annotations

import pytest

from labctl.hint import Hint
from labctl.render.hints import hint_lines

SYSCTL = (("sudo", "sysctl", "--system"),)


@pytest.mark.parametrize(
    ("hint", "lines"),
    [
        (Hint(""), []),
        (Hint("look at the log"), ["next: look at the log"]),
        (Hint("", SYSCTL), ["next:", "  sudo sysctl --system"]),
        (
            Hint("put this into x.conf", SYSCTL, ("a = 1", "b = 2")),
            ["next: put this into x.conf", "    a = 1", "    b = 2", "  sudo sysctl --system"],
        ),
    ],
)
def test_the_content_of_a_file_stands_below_the_sentence(hint: Hint, lines: list[str]) -> None:
    assert hint_lines("next", hint, "default") == lines
