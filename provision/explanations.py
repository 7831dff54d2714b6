"""The explanations of each behaviour, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Mapping

from provision import behaviour
from provision.causes import Explanation
from provision.explaining.clients import client
from provision.explaining.delivery import ALIAS, LOCAL, SENDER
from provision.explaining.names import NAMES
from provision.explaining.relaying import RELAY, RELAY_AUTH
from provision.explaining.submission import SUBMIT
from provision.explaining.transport import OUTBOUND

EXPLANATIONS: Mapping[str, tuple[Explanation, ...]] = {
    behaviour.NAMES: NAMES,
    behaviour.SUBMIT: SUBMIT,
    behaviour.LOCAL: LOCAL,
    behaviour.OUTBOUND: OUTBOUND,
    behaviour.SENDER: SENDER,
    behaviour.ALIAS: ALIAS,
    behaviour.RELAY: RELAY,
    behaviour.NEAR: RELAY,
    behaviour.RELAY_AUTH: RELAY_AUTH,
    behaviour.IMAP: client("imap"),
    behaviour.POP3: client("pop3"),
}  # fmt: skip


# The section and subject of a finding without a cause.
UNKNOWN_CODES: Mapping[str, str] = {
    behaviour.NAMES: "dns.names",
    behaviour.SUBMIT: "mail-command.submit",
    behaviour.LOCAL: "mail-command.delivery",
    behaviour.OUTBOUND: "mail-command.outbound",
    behaviour.SENDER: "mail-command.sender",
    behaviour.ALIAS: "aliases.delivery",
    behaviour.RELAY: "postfix.relay",
    behaviour.NEAR: "postfix.relay-near",
    behaviour.RELAY_AUTH: "postfix.relay-auth",
    behaviour.IMAP: "dovecot.imap",
    behaviour.POP3: "dovecot.pop3",
}
