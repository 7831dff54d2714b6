"""The files that labctl ships: next to the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def _shipped(name: str) -> Path:
    inside = _PACKAGE / "_data" / name
    return inside if inside.exists() else _PACKAGE.parent / name


def templates() -> Path:
    """The folder of Jinja2 templates, in the same layout as on the host."""
    return _shipped("templates")


def vagrantfile() -> Path:
    """The Vagrantfile of the lab."""
    return _shipped("Vagrantfile")


def editions() -> Path:
    """The folder with one YAML file per edition of the textbook."""
    return _PACKAGE / "editions"
