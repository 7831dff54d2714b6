"""`labctl up`: create the hosts and apply the steps in the book's order."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, LabFile, Name, ProviderName, Release, Until
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.render.progress import Live
    from labctl.session import Session


class Checkpoints(StrEnum):
    """Which checkpoints are saved: those with a name of their own, or one after each step."""

    DEFAULT = "default"
    EVERY = "every"


def up(
    until: Until = None,
    provider: ProviderName = None,
    release: Release = None,
    lab: LabFile = None,
    name: Name = DEFAULT_NAME,
    checkpoints: Annotated[
        Checkpoints, typer.Option(help=_("default, or every to save a checkpoint after each step."))
    ] = Checkpoints.DEFAULT,
    test: Annotated[
        bool, typer.Option("--test-mail", help=_("Then run the mail test, like labctl test-mail."))
    ] = False,
    as_json: AsJson = False,
) -> None:
    from labctl.cli.test_mail import test_mail
    from labctl.engine import bring_up, steps_until
    from labctl.lock import locked
    from labctl.render.lab import print_picture, print_up
    from labctl.render.progress import Live
    from labctl.session import open_session

    session = open_session(name, lab, provider, release)
    steps_until(until, session.lab)
    with locked(session.home), Live(session.lab, quiet=as_json) as live:
        if not as_json:
            _announce(session, live)
        result = bring_up(session, live.progress, until, every=checkpoints is Checkpoints.EVERY)
    if not (test and as_json):
        # Print only the document of the mail test. A failure of `up` is an error document.
        print_up(result, session.ignored, as_json=as_json)
    try:
        if test:
            test_mail(name=name, as_json=as_json)
    finally:
        if not as_json:
            print_picture(session.lab, result)


def _announce(session: Session, live: Live) -> None:
    """Say which provider the lab has and why, and which keys of the lab file it does not use."""
    from labctl.render.screen import ignored_keys

    live.note(
        _(
            "{name} ({reason}), hosts with {system}",
            name=session.provider.name,
            reason=_(session.choice.reason),
            system=session.provider.system.title,
        )
    )
    if session.ignored:
        live.note(ignored_keys(session.provider.name, session.ignored))
