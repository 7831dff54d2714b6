"""Why a message did not arrive: a cause, and the lines that show it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from labctl.mailtest.journey import Journey
from labctl.mailtest.postfixlog import Record

_KEEP_LINES = 8


class Cause(StrEnum):
    """Why a message did not arrive. The values are in `labctl test-mail --json`."""

    NO_MAIL_COMMAND = "no-mail-command"
    NO_SENDER = "no-sender"
    NO_RECIPIENT = "no-recipient"
    LOGIN_REFUSED = "login-refused"
    RELAY_DENIED = "relay-denied"
    LOOPS_BACK = "loops-back"
    NAME_NOT_FOUND = "name-not-found"
    NOT_LISTENING = "not-listening"
    UNREACHABLE = "unreachable"
    DISK_FULL = "disk-full"
    POSTFIX_DOWN = "postfix-down"
    NOT_PERMITTED = "not-permitted"
    TOO_LARGE = "too-large"
    REFUSED_BY_RULE = "refused-by-rule"
    NOT_AS_SENT = "not-as-sent"
    LATE = "late"


# Patterns in what `mail` and Postfix say, the most specific first.
_PATTERNS = tuple(
    (re.compile(pattern, re.MULTILINE), cause)
    for pattern, cause in (
        (r"mail: (?:command )?not found", Cause.NO_MAIL_COMMAND),
        (r"unknown user user|sudo: unknown user", Cause.NO_SENDER),
        (r"unknown user:|[Uu]ser unknown|no such user", Cause.NO_RECIPIENT),
        (r"\[AUTHENTICATIONFAILED\]|-ERR \[AUTH\]|^535 ", Cause.LOGIN_REFUSED),
        (r"[Rr]elay access denied", Cause.RELAY_DENIED),
        (r"loops back to myself", Cause.LOOPS_BACK),
        (
            r"Host or domain name not found|[Nn]ame service error|unable to look up host"
            r"|Name or service not known|Host not found",
            Cause.NAME_NOT_FOUND,
        ),
        (r"Connection refused", Cause.NOT_LISTENING),
        (r"Connection timed out|No route to host|Network is unreachable", Cause.UNREACHABLE),
        (
            r"[Ii]nsufficient system storage|No space left|queue file write",
            Cause.DISK_FULL,
        ),
        (r"^/\S+/maildrop$|mail system is down", Cause.POSTFIX_DOWN),
        (r"[Pp]ermission denied", Cause.NOT_PERMITTED),
        (r"[Mm]essage size exceeds|message file too big", Cause.TOO_LARGE),
        (r": (?:milter-(?:\w+-)?)?(?:reject|discard|hold): ", Cause.REFUSED_BY_RULE),
    )
)


@dataclass(frozen=True)
class Explanation:
    """The cause, and at most eight lines that show it: of `mail`, of the message, of the logs."""

    cause: Cause
    evidence: tuple[str, ...] = ()


def explain(words: str, journey: Journey, logs: Iterable[Record], otherwise: Cause) -> Explanation:
    """Find why a message did not arrive.

    Args:
        words: what `mail` said.
        logs: all that the hosts logged meanwhile.
        otherwise: the cause if no line shows one.
    """
    own = [f"{record.host}: {record}" for record in journey.records if record.is_complaint]
    others = [
        f"{record.host}: {record}" for record in logs if record.is_complaint and not record.queue_id
    ]
    said = [line.strip() for line in words.splitlines() if line.strip()]
    newest = (group[-_KEEP_LINES:] for group in (said, own, others))
    lines = tuple(dict.fromkeys(line for group in newest for line in group))
    # The message's own lines say more than what else went wrong on the host meanwhile.
    for group in (said, own, others):
        text = "\n".join(group)
        for pattern, cause in _PATTERNS:
            if pattern.search(text):
                return Explanation(cause, lines[:_KEEP_LINES])
    return Explanation(otherwise, lines[:_KEEP_LINES])
