"""Line breaks in Latin and Japanese text, for columns of a terminal or a drawing."""

from __future__ import annotations

import re

from rich.cells import cell_len

# A line may break after each of these: a Latin word, or a letter of another script with the marks
# that must not begin a line. An opening mark stays with the following text.
_UNBROKEN = re.compile(r"[（「『“]*(?:[!-~’]+|[^\s!-~])[、。，．）」』”！？ー…々]*|\s+")


def broken(text: str, width: int) -> list[str]:
    """Break text into lines of at most `width` cells; a Latin letter is one, a kanji two.

    Rich breaks only at spaces, and Japanese has none. A word that is longer than a line is broken
    anywhere.
    """
    lines = [""]
    for part in _parts(text, width):
        if lines[-1] and cell_len(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part if lines[-1] else part.lstrip()
    return [line.rstrip() for line in lines]


def _parts(text: str, width: int) -> list[str]:
    parts: list[str] = _UNBROKEN.findall(text)
    return [
        piece for part in parts for piece in ([part] if cell_len(part) <= width else list(part))
    ]
