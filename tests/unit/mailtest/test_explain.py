"""A failure is told as its cause, and by the lines that show it."""

import pytest

from labctl.mailtest.explain import Cause, Explanation, explain
from labctl.mailtest.journey import Journey, follow
from labctl.mailtest.postfixevents import Identified
from labctl.report.wording import explanation_of
from labctl.results import Delivery
from tests.unit.mailtest.recorded import SENDERS, records

NOWHERE = Journey("x", ())


def told(name: str, status: str, reason: str) -> Explanation:
    found = records(name)
    ids = [r.event.message_id for r in found if isinstance(r.event, Identified)]
    for message in ids:
        journey = follow(message, found)
        if any(hop.status == status and reason in hop.detail for hop in journey.hops):
            return explain("", journey, found, Cause.LATE)
    raise AssertionError(f"nothing {status} in {name}")


@pytest.mark.parametrize("name", SENDERS)
@pytest.mark.parametrize(
    ("status", "reason", "cause"),
    [
        ("deferred", "refused", Cause.NOT_LISTENING),
        ("bounced", "User unknown", Cause.NO_RECIPIENT),
        ("bounced", "unknown user", Cause.NO_RECIPIENT),
        ("bounced", "look up host", Cause.NAME_NOT_FOUND),
    ],
)
def test_what_postfix_logged(name: str, status: str, reason: str, cause: Cause) -> None:
    found = told(name, status, reason)
    assert found.cause is cause
    assert f"status={status}" in found.evidence[0]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("bash: line 1: mail: command not found\n", Cause.NO_MAIL_COMMAND),
        ("sudo: unknown user user1\n", Cause.NO_SENDER),
        ("/var/spool/postfix/maildrop", Cause.POSTFIX_DOWN),
        ("sendmail: fatal: user1(1000): queue file write error", Cause.DISK_FULL),
        ("NO [AUTHENTICATIONFAILED] Authentication failed.", Cause.LOGIN_REFUSED),
        ("-ERR [AUTH] Authentication failed.", Cause.LOGIN_REFUSED),
        ("535 5.7.8 Error: authentication failed: authentication failure", Cause.LOGIN_REFUSED),
    ],
)
def test_what_the_mail_command_said(words: str, cause: Cause) -> None:
    assert explain(words, NOWHERE, [], Cause.LATE) == Explanation(cause, (words.strip(),))


def test_without_a_cause_it_is_late() -> None:
    assert explain("", NOWHERE, [], Cause.LATE) == Explanation(Cause.LATE)


def test_words_of_mail_without_known_meaning_are_shown() -> None:
    found = explain("No mail for user2\n", NOWHERE, [], Cause.NOT_AS_SENT)
    assert found == Explanation(Cause.NOT_AS_SENT, ("No mail for user2",))


def delivery(cause: str, *evidence: str) -> Delivery:
    return Delivery(
        kind="message",
        sender="user1@example1.jp",
        recipient="user2@example2.jp",
        subject="Test mail from user1",
        message_id="labctl.1@example1.jp",
        arrived=False,
        read=False,
        seconds=1.5,
        cause=cause,
        evidence=evidence,
        timeout=2.5,
    )


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_sentence_before_its_lines(cause: Cause) -> None:
    sentence, line = explanation_of(delivery(cause, "a line"))
    assert sentence.endswith((".", "?")) and line == "a line"


def test_the_time_that_a_message_had_is_told() -> None:
    assert explanation_of(delivery(Cause.LATE)) == ("It did not arrive within 2.5 s.",)


def test_a_message_that_did_not_fail_needs_no_explanation() -> None:
    assert explanation_of(delivery("")) == ()
