"""What the section 「Thunderbird」 asks for: server names, ports, no encryption."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.i18n import _
from labctl.lab import Host


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
            (_("authentication"), normal),
            (_("user name"), self.user),
        )


def settings_of(host: Host) -> MailSettings:
    """The settings of the host's account."""
    user = host.account or ""
    return MailSettings(user, host.mailbox, user, host.mail_name, 143, host.mail_name, 25)
