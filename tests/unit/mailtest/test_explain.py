"""A failure is told as its cause, then by the lines that show it."""

import pytest

from labctl.mailtest.explain import explain
from labctl.mailtest.journey import Journey, follow
from labctl.mailtest.postfixlog import Identified
from tests.unit.mailtest.recorded import SENDERS, records

LATE = "late"
NOWHERE = Journey("x", ())


def told(name: str, status: str, reason: str) -> tuple[str, ...]:
    found = records(name)
    ids = [r.event.message_id for r in found if isinstance(r.event, Identified)]
    for message in ids:
        journey = follow(message, found)
        if any(hop.status == status and reason in hop.detail for hop in journey.hops):
            return explain("", journey, found, LATE)
    raise AssertionError(f"nothing {status} in {name}")


@pytest.mark.parametrize("name", SENDERS)
@pytest.mark.parametrize(
    ("status", "reason", "cause"),
    [
        ("deferred", "refused", "does Postfix run"),
        ("bounced", "User unknown", "no such account"),
        ("bounced", "unknown user", "no such account"),
        ("bounced", "look up host", "DNS"),
    ],
)
def test_what_postfix_logged(name: str, status: str, reason: str, cause: str) -> None:
    sentence, first, *_more = told(name, status, reason)
    assert cause in sentence
    assert f"status={status}" in first


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("bash: line 1: mail: command not found\n", "no mail command"),
        ("sudo: unknown user user1\n", "account does not exist"),
        ("/var/spool/postfix/maildrop", "Postfix does not run"),
        ("sendmail: fatal: user1(1000): queue file write error", "disk"),
    ],
)
def test_what_the_mail_command_said(words: str, cause: str) -> None:
    sentence, line = explain(words, NOWHERE, [], LATE)
    assert cause in sentence
    assert line == words.strip()


def test_without_a_cause_it_says_that_it_is_late() -> None:
    assert explain("", NOWHERE, [], LATE) == (LATE,)


def test_words_of_mail_without_known_meaning_are_shown() -> None:
    assert explain("No mail for user2\n", NOWHERE, [], LATE) == (LATE, "No mail for user2")
