"""Text from anywhere, as it may be printed on a terminal."""

from __future__ import annotations

import re

from rich import markup

# All but the newline and the tab: what a host says must not move the cursor, change title or
# clipboard, or look like labctl's own lines (ECMA-48).
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def escape(text: str) -> str:
    """The text without Rich's markup. Control characters become pictures of themselves."""
    return markup.escape(_CONTROLS.sub(_picture, text))


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code == 0x7F:
        return "␡"
    return chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"
