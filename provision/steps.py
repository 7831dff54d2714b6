"""All steps that labctl has, and those of an edition in its book's order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from labctl.edition import Edition
from labctl.errors import WrongUsage
from labctl.i18n import _
from labctl.lab import Lab
from labctl.results import StepReport
from provision import (
    accounts,
    aliases,
    autoconfig,
    boot_order,
    dns,
    dovecot,
    firewall,
    mail_command,
    packages,
    postfix,
    smtp_auth,
    thunderbird,
)
from provision.step import Step

# In the order of the default edition; labctl's own steps come last.
STEPS: tuple[Step, ...] = (
    dns.STEP,
    packages.STEP,
    postfix.STEP,
    firewall.STEP,
    boot_order.STEP,
    smtp_auth.STEP,
    accounts.STEP,
    aliases.STEP,
    mail_command.STEP,
    dovecot.STEP,
    thunderbird.STEP,
    autoconfig.STEP,
)


def steps_of(lab: Lab) -> tuple[Step, ...]:
    """The steps of the lab's edition in the book's order, then labctl's own.

    Their sections are the edition's. A step requires only what is part of the edition. A step
    that labctl does not have is left out; see wrong_sections.
    """
    every = {step.name: step for step in STEPS}
    titles = {section.step: str(section.title) for section in lab.edition.sections}
    known = {name: every[name] for name in titles if name in every}
    own = [step for step in STEPS if step.extra]
    chosen = [*(step for step in known.values() if not step.extra), *own]
    names = {step.name for step in chosen}
    return tuple(
        replace(
            step,
            section=titles.get(step.name, _(step.section) if step.extra else step.section),
            requires=tuple(name for name in step.requires if name in names),
        )
        for step in chosen
    )


def wrong_sections(edition: Edition) -> list[str]:
    """The sections that labctl cannot do, each as `key: what is allowed`.

    A section needs a step that labctl has. Only DNS comes before the packages of chapter 6.
    """
    known = {step.name: step for step in STEPS}
    names = [section.step for section in edition.sections]
    wrong = []
    for number, name in enumerate(names):
        key = f"sections.{number}.step"
        if name not in known:
            text = _("there is no step {name}", name=repr(name))
            wrong.append(f"{key}: {text}; " + _("steps: {names}", names=", ".join(known)))
            continue
        if known[name].requires and packages.STEP.name in names[number:]:
            wrong.append(f"{key}: " + _("must come after {name}", name=packages.STEP.name))
    return wrong


def book_steps(lab: Lab) -> tuple[Step, ...]:
    """The steps that the book asks a person for. These are graded."""
    return tuple(step for step in steps_of(lab) if not step.extra)


def in_book_order(reports: Iterable[StepReport], lab: Lab) -> tuple[StepReport, ...]:
    """The reports by section; those of one section stay in the order they came in."""
    order = {step.name: number for number, step in enumerate(steps_of(lab))}
    return tuple(sorted(reports, key=lambda report: order[report.step]))


def find_step(name: str, lab: Lab) -> Step:
    """The step of that name in the lab's edition.

    Raises:
        WrongUsage: The edition has no such step; the hint has the names there are.
    """
    steps = steps_of(lab)
    for step in steps:
        if step.name == name:
            return step
    raise WrongUsage(
        _("there is no step {name}", name=repr(name)),
        hint=_("steps: {names}", names=", ".join(step.name for step in steps)),
    )
