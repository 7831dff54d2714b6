"""What the section 「Thunderbird」 asks for: server names, ports, no encryption."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.i18n import _
from labctl.lab import Edition, Host


@dataclass(frozen=True)
class MailSettings:
    """One account as a mail client asks for it. Both servers are used without encryption."""

    name: str
    address: str
    user: str
    imap_server: str
    imap_port: int
    smtp_server: str
    smtp_port: int
    smtp_auth: bool

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Titles and values in the order of Thunderbird's form."""
        none, normal = _("none"), _("normal password")
        return (
            (_("your name"), self.name),
            (_("mail address"), self.address),
            (_("incoming server"), f"IMAP {self.imap_server}"),
            (_("port"), str(self.imap_port)),
            (_("connection security"), none),
            (_("authentication"), normal),
            (_("user name"), self.user),
            (_("outgoing server"), f"SMTP {self.smtp_server}"),
            (_("port"), str(self.smtp_port)),
            (_("connection security"), none),
            (_("authentication"), normal if self.smtp_auth else _("no authentication")),
            *([(_("user name"), self.user)] if self.smtp_auth else []),
        )


def settings_of(host: Host, edition: Edition) -> MailSettings:
    """The settings of the host's account.

    In an edition without SMTP AUTH the server relays because the client is in its network. There
    Thunderbird must not authenticate: the server does not offer it.
    """
    user, server = host.account or "", host.mail_name
    with_auth = edition.relay == "auth"
    return MailSettings(user, host.mailbox, user, server, 143, server, 25, with_auth)
