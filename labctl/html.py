"""Renders HTML templates: every value is escaped, and an undefined name is an error."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from labctl.i18n import _, ngettext


def html_environment(folder: Path, *, stays: bool = False) -> Environment:
    """The templates of a folder; `_` and `ngettext` translate in them.

    Args:
        stays: The templates are rendered again and again, and do not change meanwhile.
    """
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=not stays,
        cache_size=-1 if stays else 400,
    )
    environment.globals.update(_=_, ngettext=ngettext)
    return environment
