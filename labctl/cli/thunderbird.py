"""`labctl thunderbird`: open the account in this machine's Thunderbird, or print its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import completion
from labctl.cli.options import DEFAULT_NAME, AsJson, Name
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.edition import Host
    from labctl.session import Session
    from labctl.thunderbird.settings import MailSettings


def thunderbird(
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            help=_("Host of the account (default: the lab's first mail host)."),
            autocompletion=completion.hosts,
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--print", help=_("Only print the settings, to enter them by hand."))
    ] = False,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.errors import WrongUsage
    from labctl.render.mail import print_mail_settings
    from labctl.session import open_session
    from labctl.thunderbird.settings import settings_of

    session = open_session(name)
    chosen = session.lab.host(host) if host is not None else session.lab.mail_hosts[0]
    if chosen.account is None:
        names = ", ".join(each.name for each in session.lab.mail_hosts)
        raise WrongUsage(
            _("{host} has no mail account", host=chosen.name), hint=_("hosts: {names}", names=names)
        )
    settings = settings_of(chosen, session.lab.edition)
    if show or as_json:
        print_mail_settings(settings, as_json=as_json)
    else:
        _start(session, chosen, settings)


def _start(session: Session, host: Host, settings: MailSettings) -> None:
    """Open the account in Thunderbird, and wait until it is closed."""
    from labctl import dial
    from labctl.errors import LabError, MachineLacks
    from labctl.hint import commands
    from labctl.render.screen import console_err, print_hint
    from labctl.run import interactive
    from labctl.thunderbird.profile import write_profile
    from labctl.thunderbird.program import find_thunderbird

    endpoint = session.endpoint(host.name)
    if endpoint.neighbour:
        raise MachineLacks(
            _("Thunderbird on this machine cannot reach the hosts of the lab"),
            cause=_("the network of the lab is on another machine"),
            hint=commands("labctl thunderbird --print"),
        )
    program = find_thunderbird()
    folder = session.home.state / "thunderbird" / host.name
    password = session.credentials.password(settings.user)
    if not write_profile(folder, settings, host.address, password):
        asks = commands("labctl credentials", text=_("Thunderbird will ask for the password"))
        print_hint(console_err(), _("hint"), asks, session.lab.name)
    argv = [program, "--no-remote", "--profile", str(folder)]
    code = interactive(dial.inside(endpoint.netns, argv))
    if code != 0:
        raise LabError(
            _("Thunderbird ended with status {code}", code=code),
            hint=commands(
                "labctl thunderbird --print",
                text=_("this shows the settings, to enter them by hand"),
            ),
        )
