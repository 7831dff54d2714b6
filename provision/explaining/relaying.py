"""Why a stranger may relay, or a client that has logged in may not."""

from __future__ import annotations

from dataclasses import replace

from labctl.i18n import N_
from provision.behaviour import NEAR
from provision.causes import Case, Explanation, Told
from provision.explaining.settings import (
    OUT_HINTS,
    TABLE,
    differing,
    master,
    odd,
    overridden,
    parameter,
)
from provision.explaining.system import DISK


def _old_defaults(case: Case) -> Told | None:
    """Below level 2, and without any, the whole subnet may relay (COMPATIBILITY_README)."""
    found = case.own.settings().get("compatibility_level", "")
    major = found.partition(".")[0]
    if case.seen.name != NEAR or (major.isdigit() and int(major) >= 2):
        return None
    level = case.own.scene.family.postfix.compatibility
    return Told(found or "-", solution=f"postconf -e compatibility_level={level}")


def _trusts_all(case: Case) -> Told | None:
    value = differing(case.own).get("mynetworks")
    return None if value is None else Told(value, solution="postconf -X mynetworks")


RELAY = (
    Explanation("postfix.mynetworks", _trusts_all, "mynetworks", N_("the lab's hosts at most"),
                N_("Who may send mail to anybody through this server? A server that relays for "
                   "strangers is soon used by them.")),
    *(parameter(name, N_("This list must reject strangers before it permits anything."))
      for name in ("mynetworks_style", "smtpd_relay_restrictions", "smtpd_client_restrictions",
                   "relay_domains", "permit_mx_backup_networks")),
    master(overridden(r".*/inet")),
    Explanation("postfix.compatibility_level", _old_defaults, "compatibility_level",
                N_("as the package sets it"),
                N_("Without it Postfix has the defaults of old versions, such as "
                   "mynetworks_style = subnet. Who may relay then?")),
    odd(lambda name: name.startswith(("smtpd_", "relay", "mynetworks"))),
)  # fmt: skip


def _limit(name: str, words: str) -> Explanation:
    """A number of messages or commands a minute that a client may not exceed (anvil(8))."""
    named = parameter(name, N_("How much may one client send in a minute? man 5 postconf"))

    def holds(case: Case) -> Told | None:
        return named.holds(case) if words in case.seen.found else None

    return replace(named, holds=holds)


RELAY_AUTH = (
    _limit("smtpd_client_message_rate_limit", "too much mail from"),
    _limit("smtpd_client_recipient_rate_limit", "too many recipients from"),
    _limit("smtpd_client_auth_rate_limit", "too many AUTH commands from"),
    _limit("smtpd_client_connection_rate_limit", "too many connections from"),
    parameter("queue_minfree", N_("How much room must be free before Postfix takes a message?")),
    DISK,
    TABLE,
    parameter("transport_maps", OUT_HINTS["transport_maps"]),
    *(parameter(name, N_("A client that has logged in may send to anybody. Which list stops it?"))
      for name in ("smtpd_relay_restrictions", "smtpd_sender_restrictions",
                   "smtpd_client_restrictions", "smtpd_helo_restrictions")),
    master(overridden(r"smtp/inet")),
    odd(lambda name: name.startswith("smtpd_")),
)  # fmt: skip
