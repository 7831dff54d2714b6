"""Why a message of a mail test did not arrive: a cause, and the lines that show it.

It knows only what `mail` and the logs say. `labctl check` also looks for causes in the settings of
the hosts (provision.causes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from labctl.mailtest.journey import Journey
from labctl.mailtest.postfixlog import Record

_KEEP_LINES = 8


class FailureCause(StrEnum):
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
        (r"mail: (?:command )?not found", FailureCause.NO_MAIL_COMMAND),
        (r"unknown user user|sudo: unknown user", FailureCause.NO_SENDER),
        (r"unknown user:|[Uu]ser unknown|no such user", FailureCause.NO_RECIPIENT),
        (r"\[AUTHENTICATIONFAILED\]|-ERR \[AUTH\]|^535 ", FailureCause.LOGIN_REFUSED),
        (r"[Rr]elay access denied", FailureCause.RELAY_DENIED),
        (r"loops back to myself", FailureCause.LOOPS_BACK),
        (
            r"Host or domain name not found|[Nn]ame service error|unable to look up host"
            r"|Name or service not known|Host not found",
            FailureCause.NAME_NOT_FOUND,
        ),
        (r"Connection refused", FailureCause.NOT_LISTENING),
        (r"Connection timed out|No route to host|Network is unreachable", FailureCause.UNREACHABLE),
        (
            r"[Ii]nsufficient system storage|No space left|queue file write",
            FailureCause.DISK_FULL,
        ),
        (r"^/\S+/maildrop$|mail system is down", FailureCause.POSTFIX_DOWN),
        (r"[Pp]ermission denied", FailureCause.NOT_PERMITTED),
        (r"[Mm]essage size exceeds|message file too big", FailureCause.TOO_LARGE),
        (r": (?:milter-(?:\w+-)?)?(?:reject|discard|hold): ", FailureCause.REFUSED_BY_RULE),
    )
)


@dataclass(frozen=True)
class Failure:
    """The cause, and at most eight lines that show it: of `mail`, of the message, of the logs."""

    cause: FailureCause
    evidence: tuple[str, ...] = ()


def explain(
    words: str, journey: Journey, logs: Iterable[Record], otherwise: FailureCause
) -> Failure:
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
                return Failure(cause, lines[:_KEEP_LINES])
    return Failure(otherwise, lines[:_KEEP_LINES])
