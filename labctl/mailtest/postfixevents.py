"""What happens to a message in Postfix, and what that means for the message.

The log is only where the events are read from (`postfixlog`). Whether a delivery is final, local
or a relay follows from what Postfix says about it, and is decided here alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

# A short id of a queue file is hexadecimal; a long one is base 52, a `z`, base 51, without vowels.
QUEUE_ID = r"[0-9A-F]{6,16}|(?=\w*z)[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,24}"
_QUEUED_AS = re.compile(rf"\b(?:queued|forwarded) as (?P<queue_id>{QUEUE_ID})\b")
# What a client asks for one recipient; every other refusal is of the whole message.
_FOR_ONE = ("RCPT", "VRFY", "ETRN")
_NETWORK_RELAY = re.compile(r"(?P<name>[^\[\s]+)\[(?P<address>[^\]]+)\](?::\d+)?")


@dataclass(frozen=True)
class PickedUp:
    """pickup(8) took a message that a local user gave to sendmail(1)."""

    uid: int
    sender: str


@dataclass(frozen=True)
class Accepted:
    """smtpd(8) took a message from `client`, `name[address]`; no user name without AUTH."""

    client: str
    sasl_username: str


@dataclass(frozen=True)
class Identified:
    """cleanup(8) read the Message-ID header, given without its angle brackets.

    With `resent` it was the Resent-Message-ID, which a message may have too (RFC 5322, 3.6.6).
    """

    message_id: str
    resent: bool = False


@dataclass(frozen=True)
class Activated:
    """qmgr(8) moved the message to the active queue; `size` in bytes."""

    sender: str
    size: int
    recipients: int


@dataclass(frozen=True)
class Attempt:
    """One try to deliver to one recipient.

    `agent` is the program that tried: smtp, lmtp, local, virtual, pipe, error, discard, or
    whatever gave the recipient up before. `delay` and `delays` are in seconds; the four are:
    before the queue manager, in the queue, connecting, sending (postconf(5),
    delay_logging_resolution_limit). `status` is Postfix's word: sent, deferred, bounced,
    SOFTBOUNCE, deliverable, undeliverable.
    """

    agent: str
    recipient: str
    original_recipient: str
    relay: str
    delay: float
    delays: tuple[float, float, float, float]
    dsn: str
    status: str
    detail: str

    @property
    def next_queue_id(self) -> str:
        """The queue id that the message has next: given by the server, or by local(8).

        It is "" if there is none. Only a delivery has one: any reply may hold these words.
        """
        found = _QUEUED_AS.search(self.detail) if self.status == "sent" else None
        return found["queue_id"] if found else ""

    @property
    def server(self) -> tuple[str, str] | None:
        """Name and address of the server that it was handed to over the network.

        None for a program, a local socket (`relay=host[private/dovecot-lmtp]`) or no relay.
        """
        found = _NETWORK_RELAY.fullmatch(self.relay)
        if found is None or not _is_address(found["address"]):
            return None
        return found["name"], found["address"]

    @property
    def is_probe(self) -> bool:
        """Whether it only verified the address (`sendmail -bv`, verify(8)): nothing was sent."""
        return self.status in ("deliverable", "undeliverable")

    @property
    def is_final(self) -> bool:
        """Whether this recipient is settled: a deferred message is tried again."""
        return self.status not in ("deferred", "SOFTBOUNCE")

    @property
    def is_failure(self) -> bool:
        """Whether the recipient did not get the message in this try."""
        return self.status != "sent" and not self.is_probe

    @property
    def is_relay(self) -> bool:
        """Whether the message was handed to another server, which now answers for it."""
        if self.status != "sent" or self.server is None:
            return False
        # LMTP (RFC 2033) is spoken to a final delivery agent, or to a filter with a queue.
        return self.agent != "lmtp" or bool(self.next_queue_id)

    @property
    def is_local(self) -> bool:
        """Whether the message is in a mailbox now, or with a program that delivers."""
        if self.status != "sent" or self.is_relay or self.next_queue_id:
            return False
        return self.relay != "none" and self.agent != "discard"


@dataclass(frozen=True)
class Expired:
    """qmgr(8) gave the message up, too old or by `postsuper -f`, and returned it to the sender."""

    sender: str
    status: str


@dataclass(frozen=True)
class Notified:
    """bounce(8) wrote a notice: another message, with a queue id of its own.

    `reader` is sender or postmaster, `kind` non-delivery, delay or delivery status.
    """

    reader: str
    kind: str
    queue_id: str


@dataclass(frozen=True)
class Inspected:
    """An access rule, a content rule or a milter stopped a message or one recipient.

    `action` is reject, discard or hold. `where` is the SMTP command or the part of the message.
    """

    action: str
    where: str

    @property
    def is_whole(self) -> bool:
        """Whether it decides about the whole message, not about one recipient."""
        return self.action != "reject" or self.where not in _FOR_ONE

    @property
    def ends(self) -> bool:
        """Whether the queue file is gone with it; a held message stays."""
        return self.is_whole and self.action != "hold"


@dataclass(frozen=True)
class Held:
    """postsuper(1) put the message on hold, or released it."""

    released: bool


@dataclass(frozen=True)
class Requeued:
    """postsuper(1) gave the message back to pickup(8), which gives it another queue id."""


@dataclass(frozen=True)
class Removed:
    """The queue file is gone: nothing is left to do for it on this host."""


Event = (
    PickedUp
    | Accepted
    | Identified
    | Activated
    | Attempt
    | Expired
    | Notified
    | Inspected
    | Held
    | Requeued
    | Removed
)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
