"""The steps in the book's order, and labctl's own after them."""

from __future__ import annotations

from collections.abc import Iterable

from labctl.errors import WrongUsage
from labctl.i18n import _
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
# What the book has a person do, and what is graded.
BOOK: tuple[Step, ...] = tuple(step for step in STEPS if not step.extra)


def in_book_order(reports: Iterable[StepReport]) -> tuple[StepReport, ...]:
    """The reports by section; those of one section stay in the order they came in."""
    order = {step.name: number for number, step in enumerate(STEPS)}
    return tuple(sorted(reports, key=lambda report: order[report.step]))


def find_step(name: str) -> Step:
    """The step of that name; raises WrongUsage with the names there are."""
    for step in STEPS:
        if step.name == name:
            return step
    raise WrongUsage(
        _("there is no step {name}", name=repr(name)),
        hint=_("steps: {names}", names=", ".join(step.name for step in STEPS)),
    )
