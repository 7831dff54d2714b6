"""The report's HTML: one file, no outside resource, readable offline and on paper."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from labctl.i18n import _, language
from labctl.report.facts import Facts


def page(facts: Facts) -> str:
    """The whole page in the language in force. Every value is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_=_, lang=language())
    return environment.get_template("page.html.j2").render(facts=facts, lab=facts.lab)
