"""Why IMAP or POP3 does not show a message that was delivered."""

from __future__ import annotations

from collections.abc import Callable

from labctl.i18n import N_
from provision.causes import Case, Explanation, Told
from provision.dovecot_logins import odd_setting
from provision.explaining.predicates import told_by
from provision.explaining.settings import LOCAL_HINTS, parameter
from provision.main_cf import NOT_SET


def _other_mailbox(protocol: str) -> Callable[[Case], Told | None]:
    """Dovecot's files may set another mailbox for one protocol."""

    def holds(case: Case) -> Told | None:
        usual, here = case.own.facts["mail-place"], case.own.facts[f"mail-place-{protocol}"]
        return Told(here, f"protocol {protocol}") if here and here != usual else None

    return holds


def _in_namespace(case: Case) -> Told | None:
    """A namespace may have a mailbox of its own."""
    usual, here = case.own.facts["mail-place"], case.own.facts["mail-place-namespace"]
    return Told(here, "namespace") if here and here != usual else None


def _odd_setting(case: Case) -> Told | None:
    odd = odd_setting(case.own.facts.lines("dovecot-beside"))
    return Told(odd[1], odd[0], "doveconf -n") if odd else None


def client(protocol: str) -> tuple[Explanation, ...]:
    return (
        Explanation("dovecot.mail_location", _other_mailbox(protocol), "{name}: mail_location",
                    N_("as for all protocols"),
                    N_("Dovecot can have another setting for one protocol: doveconf -n shows it.")),
        Explanation("dovecot.namespace", _in_namespace, "{name}: location", N_("not set"),
                    N_("A namespace may have a mailbox of its own: doveconf -n shows it.")),
        Explanation("dovecot.restarted", told_by("dovecot-moved"),
                    N_("the running Dovecot has these settings"), N_("in force"),
                    N_("When does Dovecot read its files? Think of what you did after the last "
                       "edit."), "systemctl restart dovecot"),
        # Postfix fills a mailbox that Dovecot does not read.
        parameter("mail_spool_directory", LOCAL_HINTS["mail_spool_directory"]),
        Explanation("dovecot.{name}", _odd_setting, "{name}", NOT_SET,
                    N_("Dovecot has this setting, and the book does not.")),
    )  # fmt: skip
