"""Answers of dig, as scripts/dns-check.sh reports them."""

from __future__ import annotations

from labctl.i18n import _
from provision.facts import Facts

# How many aliases (CNAME) in a row are followed.
_ALIASES = 8


def answer(facts: Facts, asked: str, name: str, kind: str) -> str:
    """The records, in an order of their own: a server changes it with every answer."""
    for _link in range(_ALIASES if kind == "A" else 0):
        name = facts[f"{asked} {name}. CNAME"].rstrip(".") or name
    return "\n".join(sorted(set(facts.lines(f"{asked} {name}. {kind}"))))


def way(facts: Facts, asked: str, domain: str) -> list[str]:
    """What a mail to the domain asks for: the MX record and its host's address."""
    return [
        answer(facts, asked, domain, "MX"),
        answer(facts, asked, f"mail.{domain}", "A"),
    ]


def line(answers: list[str]) -> str:
    """The answers as a person reads them."""
    return ", ".join(answer.replace("\n", " ") for answer in answers if answer) or _("no answer")
