"""The cards of a class: a page to print, with a card for each seat."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from labctl.classroom.codes import load_codes
from labctl.classroom.roll import Roll
from labctl.i18n import _, language


def cards_page(roll: Roll, url: str) -> str:
    """The page in the user's language: HTML without external resources. It contains all codes."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_=_, lang=language())
    template = environment.get_template("cards.html.j2")
    return template.render(roll=roll, url=url, codes=load_codes(roll))
