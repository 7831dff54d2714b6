"""The files that labctl ships: next to the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """A file or folder that is at the top of a checkout."""
    inside = _PACKAGE / "_data" / name
    return inside if inside.exists() else _PACKAGE.parent / name


def templates() -> Path:
    """The folder of Jinja2 templates, in the same layout as on the host."""
    return shipped("templates")


def editions() -> Path:
    """The folder with one YAML file per edition of the textbook."""
    return _PACKAGE / "editions"
