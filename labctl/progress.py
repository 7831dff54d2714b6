"""The progress callback that long operations take."""

from __future__ import annotations

from collections.abc import Callable

# Progress callback: (host, message). `host` is "" for messages about the whole lab.
Progress = Callable[[str, str], None]


def silent(_host: str, _message: str) -> None:
    """No-op progress callback."""
