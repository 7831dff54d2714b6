"""A failure is told as its cause, and by the lines that show it."""

import pytest

from labctl.mailtest.explain import Failure, FailureCause, explain
from labctl.mailtest.journey import Journey, follow
from labctl.mailtest.postfixevents import Identified
from labctl.report.wording import explanation_of
from labctl.results import Delivery
from tests.unit.mailtest.recorded import SENDERS, records

NOWHERE = Journey("x", ())


def told(name: str, status: str, reason: str) -> Failure:
    found = records(name)
    ids = [r.event.message_id for r in found if isinstance(r.event, Identified)]
    for message in ids:
        journey = follow(message, found)
        if any(hop.status == status and reason in hop.detail for hop in journey.hops):
            return explain("", journey, found, FailureCause.LATE)
    raise AssertionError(f"nothing {status} in {name}")


@pytest.mark.parametrize("name", SENDERS)
@pytest.mark.parametrize(
    ("status", "reason", "cause"),
    [
        ("deferred", "refused", FailureCause.NOT_LISTENING),
        ("bounced", "User unknown", FailureCause.NO_RECIPIENT),
        ("bounced", "unknown user", FailureCause.NO_RECIPIENT),
        ("bounced", "look up host", FailureCause.NAME_NOT_FOUND),
    ],
)
def test_what_postfix_logged(name: str, status: str, reason: str, cause: FailureCause) -> None:
    found = told(name, status, reason)
    assert found.cause is cause
    assert f"status={status}" in found.evidence[0]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("bash: line 1: mail: command not found\n", FailureCause.NO_MAIL_COMMAND),
        ("sudo: unknown user user1\n", FailureCause.NO_SENDER),
        ("/var/spool/postfix/maildrop", FailureCause.POSTFIX_DOWN),
        ("sendmail: fatal: user1(1000): queue file write error", FailureCause.DISK_FULL),
        ("NO [AUTHENTICATIONFAILED] Authentication failed.", FailureCause.LOGIN_REFUSED),
        ("-ERR [AUTH] Authentication failed.", FailureCause.LOGIN_REFUSED),
        (
            "535 5.7.8 Error: authentication failed: authentication failure",
            FailureCause.LOGIN_REFUSED,
        ),
    ],
)
def test_what_the_mail_command_said(words: str, cause: FailureCause) -> None:
    assert explain(words, NOWHERE, [], FailureCause.LATE) == Failure(cause, (words.strip(),))


def test_without_a_cause_it_is_late() -> None:
    assert explain("", NOWHERE, [], FailureCause.LATE) == Failure(FailureCause.LATE)


def test_words_of_mail_without_known_meaning_are_shown() -> None:
    found = explain("No mail for user2\n", NOWHERE, [], FailureCause.NOT_AS_SENT)
    assert found == Failure(FailureCause.NOT_AS_SENT, ("No mail for user2",))


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


@pytest.mark.parametrize("cause", FailureCause)
def test_every_cause_has_a_sentence_before_its_lines(cause: FailureCause) -> None:
    sentence, line = explanation_of(delivery(cause, "a line"))
    assert sentence.endswith((".", "?")) and line == "a line"


def test_the_time_that_a_message_had_is_told() -> None:
    assert explanation_of(delivery(FailureCause.LATE)) == ("It did not arrive within 2.5 s.",)


def test_a_message_that_did_not_fail_needs_no_explanation() -> None:
    assert explanation_of(delivery("")) == ()
