"""Why IMAP or POP3 does not show a message that was delivered."""

from __future__ import annotations

from collections.abc import Callable

from labctl.i18n import N_
from provision.causes import Case, Explanation, Told


def _other_mailbox(protocol: str) -> Callable[[Case], Told | None]:
    """Dovecot's files may set another mailbox for one protocol."""

    def holds(case: Case) -> Told | None:
        usual, here = case.own.facts["mail-place"], case.own.facts[f"mail-place-{protocol}"]
        return Told(here, f"protocol {protocol}") if here and here != usual else None

    return holds


def client(protocol: str) -> tuple[Explanation, ...]:
    return (
        Explanation("dovecot.mail_location", _other_mailbox(protocol), "{name}: mail_location",
                    N_("as for all protocols"),
                    N_("Dovecot can have another setting for one protocol: doveconf -n shows it.")),
    )  # fmt: skip
