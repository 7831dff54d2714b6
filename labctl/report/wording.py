"""The sentences for the data of a mail test, in the user's language or in English.

`labctl trace`, the report and the JUnit file all take their words from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from labctl.i18n import N_, _
from labctl.mailtest.explain import FailureCause
from labctl.mailtest.trace import Stage, StageKind
from labctl.results import Delivery


@dataclass(frozen=True)
class Wording:
    """A stage in words: the chapter's term for what is done, and a sentence."""

    term: str
    what: str


_TERMS = {
    StageKind.SUBMITTED: N_("submission"),
    StageKind.SUBMITTED_AUTH: N_("submission"),
    StageKind.RECEIVED: N_("reception"),
    StageKind.CLEANED: N_("cleanup"),
    StageKind.QUEUED: N_("queue"),
    StageKind.LOOKED_UP: N_("name resolution"),
    StageKind.CONNECTED: "SMTP",
    StageKind.DISCONNECTED: "SMTP",
    StageKind.RELAYED: N_("relay"),
    StageKind.DELIVERED: N_("local delivery"),
    StageKind.FORWARDED: N_("forwarding"),
    StageKind.DISCARDED: N_("discarded"),
    StageKind.VERIFIED: N_("address check"),
    StageKind.DEFERRED: N_("deferred"),
    StageKind.BOUNCED: N_("bounce"),
    StageKind.EXPIRED: N_("bounce"),
    StageKind.REFUSED: N_("refused"),
    StageKind.HELD: N_("on hold"),
    StageKind.RELEASED: N_("queue"),
    StageKind.REQUEUED: N_("queue"),
    StageKind.NON_DELIVERY_NOTICE: N_("bounce"),
    StageKind.NOTICE: N_("notice"),
    StageKind.REMOVED: N_("queue"),
    StageKind.FETCHED: N_("reception by the mail client"),
}
_SENTENCES = {
    StageKind.SUBMITTED: N_(
        "the mail command passed it to sendmail; pickup took it from the maildrop"
    ),
    StageKind.SUBMITTED_AUTH: N_("a mail client sent it over SMTP, with SMTP AUTH as {user}"),
    StageKind.RECEIVED: N_("the server accepted it from {client}"),
    StageKind.CLEANED: N_("headers completed, written to the queue"),
    StageKind.QUEUED: N_("from {sender}, {size} bytes, recipients: {count}; ready to be delivered"),
    StageKind.LOOKED_UP: N_("the mail server of {domain} is {name} at {address}"),
    StageKind.CONNECTED: N_("the SMTP dialogue begins"),
    StageKind.DISCONNECTED: N_("the SMTP dialogue ends"),
    StageKind.RELAYED: N_("sent to {relay} for {to}, {seconds} s in total"),
    StageKind.DELIVERED: N_("written to the mailbox of {to}"),
    StageKind.FORWARDED: N_("the alias or .forward of {to} leads to another address"),
    StageKind.VERIFIED: N_("the address {to} was only checked, nothing was delivered: {status}"),
    StageKind.DEFERRED: N_("not delivered to {to} now; it is tried again"),
    StageKind.BOUNCED: N_("given up for {to}"),
    StageKind.EXPIRED: N_("given up after too long in the queue; returned to {sender}"),
    StageKind.REFUSED: N_("the server refused it ({where})"),
    StageKind.HELD: N_("kept in the queue until the administrator releases it"),
    StageKind.RELEASED: N_("released from hold"),
    StageKind.REQUEUED: N_("put back to be taken into the queue again"),
    StageKind.NON_DELIVERY_NOTICE: N_("the sender is told that it could not be delivered"),
    StageKind.NOTICE: N_("a notice about it goes to the {reader}: {notice}"),
    StageKind.REMOVED: N_("done; removed from the queue"),
    StageKind.FETCHED: N_("{user} fetched mail over {protocol}"),
}
_DISCARDED_FOR = N_("thrown away for {to}")
_DISCARDED = N_("accepted and thrown away ({where})")


_CAUSES = {
    FailureCause.NO_MAIL_COMMAND: N_(
        "There is no mail command on the host: which package provides it?"
    ),
    FailureCause.NO_SENDER: N_("The sender's account does not exist."),
    FailureCause.NO_RECIPIENT: N_(
        "The receiving server does not know the account: does it exist, and is the domain right?"
    ),
    FailureCause.LOGIN_REFUSED: N_(
        "The server refused the login: does the account have the password of the lab?"
    ),
    FailureCause.RELAY_DENIED: N_(
        "The receiving server does not take the domain as its own: see mydestination."
    ),
    FailureCause.LOOPS_BACK: N_(
        "This host is the domain's mail exchanger, but does not take the domain as its own:"
        " see mydestination, then the zone's MX and A."
    ),
    FailureCause.NAME_NOT_FOUND: N_(
        "The name of the receiving mail server is not found: does the lab's DNS answer?"
    ),
    FailureCause.NOT_LISTENING: N_(
        "No server accepts connections at that address: does Postfix run and listen there?"
    ),
    FailureCause.UNREACHABLE: N_(
        "The receiving host cannot be reached: is it up, and does its firewall let port 25 in?"
    ),
    FailureCause.DISK_FULL: N_("A disk is full."),
    FailureCause.POSTFIX_DOWN: N_(
        "Postfix does not run on the sending host: the message waits in its maildrop queue."
    ),
    FailureCause.NOT_PERMITTED: N_("The mail system lacks permission to write a file."),
    FailureCause.TOO_LARGE: N_("The message is over a size limit."),
    FailureCause.REFUSED_BY_RULE: N_("A rule or a filter of the mail server stopped the message."),
    FailureCause.NOT_AS_SENT: N_("The message is in the box, but it is not shown as it was sent."),
    FailureCause.LATE: N_("It did not arrive within {seconds} s."),
}


def explanation_of(delivery: Delivery) -> tuple[str, ...]:
    """Why a message failed: a sentence, then the lines that show it. Empty if it did not fail."""
    if not delivery.cause:
        return ()
    sentence = _(_CAUSES[FailureCause(delivery.cause)], seconds=f"{delivery.timeout:g}")
    return (sentence, *delivery.evidence)


def wording_of(stage: Stage) -> Wording:
    """The stage in the user's language."""
    term, sentence = _messages(stage)
    if not sentence:
        return Wording(term, stage.detail)
    return Wording(_(term), _(sentence, **_values(stage)))


def english_of(stage: Stage) -> Wording:
    """The stage in English, for output that is the same in every language."""
    term, sentence = _messages(stage)
    if not sentence:
        return Wording(term, stage.detail)
    return Wording(term, sentence.format(**_values(stage)))


def _messages(stage: Stage) -> tuple[str, str]:
    """Term and sentence as the catalog has them; no sentence for a line without a meaning."""
    if stage.kind is StageKind.OTHER:
        return stage.program, ""
    if stage.kind is StageKind.DISCARDED:
        return _TERMS[stage.kind], _DISCARDED_FOR if "to" in stage.facts else _DISCARDED
    return _TERMS[stage.kind], _SENTENCES[stage.kind]


def _values(stage: Stage) -> dict[str, str]:
    values = {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in stage.facts.items()
    }
    # The sender of a notice is empty (RFC 5321, section 4.5.5).
    return values | {"sender": values.get("sender") or "<>"}
