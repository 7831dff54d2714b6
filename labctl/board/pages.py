"""From rows to HTML, in the language of the browser."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from labctl.board.picture import picture_of
from labctl.classroom.rows import CellState, Said
from labctl.html import html_environment
from labctl.i18n import N_, _, language, speaking

_FOLDER = Path(__file__).parent
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SIGNS = {
    CellState.RIGHT: "✓",
    CellState.WRONG: "✗",
    CellState.NOT_YET: "…",
    CellState.UNKNOWN: "?",
}
WORDS = {
    CellState.RIGHT: N_("right"),
    CellState.WRONG: N_("wrong"),
    CellState.NOT_YET: N_("not yet"),
    CellState.UNKNOWN: N_("not checked"),
}
# What is being done to a seat: a verb of labctl.classroom.protocol or labctl.classroom.elsewhere.
DOING = {
    "reset": N_("reset is running"),
    "undo": N_("undo is running"),
    "drill": N_("a drill is being started"),
    "stop": N_("its hosts are being stopped"),
    "other": N_("labctl is working on it"),
}
# Minutes on one section after which a seat is marked as stuck.
STUCK_MINUTES = 15


class Static:
    """The files that browsers load, read once."""

    def __init__(self) -> None:
        folder = _FOLDER / "static"
        self.files: Mapping[str, tuple[bytes, str]] = {
            path.relative_to(folder).as_posix(): (path.read_bytes(), _TYPES[path.suffix])
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES
        }
        # In the address, so that a browser never has an old one.
        self.version = hashlib.sha256(
            b"".join(content for content, _type in self.files.values())
        ).hexdigest()[:8]


class Pages:
    """The templates, loaded once: later their files may be out of reach."""

    def __init__(self, version: str) -> None:
        self._environment = html_environment(_FOLDER / "templates", stays=True)
        self._environment.globals.update(
            version=version,
            signs=SIGNS,
            words=WORDS,
            doing=DOING,
            said=said,
            ago=ago,
            clock=clock,
            minutes_since=minutes_since,
            now=now,
            stuck_minutes=STUCK_MINUTES,
            picture_of=picture_of,
            language=language,
        )
        for name in self._environment.list_templates():
            self._environment.get_template(name)
        for lang in ("ja", "en"):
            with speaking(lang):
                _("right")

    def render(self, template: str, lang: str, **values: object) -> str:
        """A template in a language. Every value is escaped."""
        with speaking(lang):
            return self._environment.get_template(f"{template}.html.j2").render(**values)


def said(text: Said) -> str:
    """A text in the language of the page."""
    return text.get(language(), "")


def now() -> str:
    """The server's clock for the script of a page, in seconds of the epoch.

    The clock of a browser may be wrong.
    """
    return f"{time.time():.3f}"


def minutes_since(at: float) -> int:
    return int(max(0.0, time.time() - at) // 60)


def ago(at: float) -> str:
    """How long ago it was, in words; the script in the page keeps it up to date."""
    seconds = int(max(0.0, time.time() - at))
    if seconds < 60:
        return _("{count} s ago", count=seconds)
    if seconds < 3600:
        return _("{count} min ago", count=seconds // 60)
    return _("{count} h ago", count=seconds // 3600)


def clock(at: float) -> str:
    """The time for a program: ISO 8601 with offset."""
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")
