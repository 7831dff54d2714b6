"""Why a message did not arrive: the cause in a sentence, and the lines that show it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from labctl.i18n import _
from labctl.mailtest.journey import Journey
from labctl.mailtest.postfixlog import Record

_KEEP_LINES = 8


def _causes() -> tuple[tuple[str, str], ...]:
    """Patterns in what `mail` and Postfix say, the most telling first, each with its meaning."""
    return (
        (
            r"mail: (?:command )?not found",
            _("There is no mail command on the host: which package gives it?"),
        ),
        (r"unknown user user|sudo: unknown user", _("The sender's account does not exist.")),
        (
            r"unknown user:|[Uu]ser unknown|no such user",
            _("The receiving server knows no such account: is it made, and in the right domain?"),
        ),
        (
            r"[Rr]elay access denied",
            _("The receiving server does not take the domain as its own: see mydestination."),
        ),
        (
            r"loops back to myself",
            _(
                "This host is the domain's mail exchanger, but does not take the domain as its own:"
                " see mydestination, then the zone's MX and A."
            ),
        ),
        (
            r"Host or domain name not found|[Nn]ame service error|unable to look up host"
            r"|Name or service not known|Host not found",
            _("The name of the receiving mail server is not found: does the lab's DNS answer?"),
        ),
        (
            r"Connection refused",
            _("No server accepts connections at that address: does Postfix run and listen there?"),
        ),
        (
            r"Connection timed out|No route to host|Network is unreachable",
            _("The receiving host is not reached: is it up, and does its firewall let port 25 in?"),
        ),
        (
            r"[Ii]nsufficient system storage|No space left|queue file write",
            _("A disk is full."),
        ),
        (
            r"^/var/spool/postfix/maildrop$|mail system is down",
            _("Postfix does not run on the sending host: the message waits in its maildrop queue."),
        ),
        (r"[Pp]ermission denied", _("The mail system may not write where it has to.")),
        (r"[Mm]essage size exceeds|message file too big", _("The message is over a size limit.")),
    )


def explain(words: str, journey: Journey, logs: Iterable[Record], late: str) -> tuple[str, ...]:
    """A sentence, where the cause is known, and the lines behind it, the newest eight.

    `words` is what `mail` said, `logs` all that the hosts logged meanwhile, `late` what to say
    where nothing shows a cause.
    """
    own = [f"{record.host}: {record}" for record in journey.records if record.is_complaint]
    others = [
        f"{record.host}: {record}" for record in logs if record.is_complaint and not record.queue_id
    ]
    said = [line.strip() for line in words.splitlines() if line.strip()]
    lines = tuple(dict.fromkeys([*said[-_KEEP_LINES:], *own, *others[-_KEEP_LINES:]]))
    # The message's own lines say more than what else went wrong on the host meanwhile.
    for group in (said, own, others):
        for pattern, meaning in _causes():
            if re.search(pattern, "\n".join(group), re.MULTILINE):
                return (meaning, *lines[:_KEEP_LINES])
    return (late, *lines[:_KEEP_LINES])
