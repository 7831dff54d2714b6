"""The HTML of the report: one file without external resources, for screen and paper."""

from __future__ import annotations

from pathlib import Path

from labctl.html import html_environment
from labctl.i18n import language
from labctl.report.facts import Facts
from labctl.report.wording import explanation_of


def page(facts: Facts) -> str:
    """The page in the user's language. Every value is escaped."""
    environment = html_environment(Path(__file__).parent)
    environment.globals.update(lang=language(), explanation_of=explanation_of)
    return environment.get_template("page.html.j2").render(facts=facts, lab=facts.lab)
