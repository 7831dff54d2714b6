"""The HTML of the report: one file without external resources, for screen and paper."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from labctl.i18n import _, language, ngettext
from labctl.mailtest.wording import explanation_of
from labctl.report.facts import Facts


def page(facts: Facts) -> str:
    """The page in the user's language. Every value is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        _=_, ngettext=ngettext, lang=language(), explanation_of=explanation_of
    )
    return environment.get_template("page.html.j2").render(facts=facts, lab=facts.lab)
