"""Runs of the mail test become test cases, one for each delivery and trial."""

from labctl.mailtest.suite import cases
from labctl.results import Delivery, MailTestResult, Trial

LOST = Delivery(
    kind="message",
    sender="user1@example1.jp",
    recipient="user2@example2.jp",
    subject="Test mail from user1",
    message_id="labctl.1@example1.jp",
    arrived=False,
    read=False,
    seconds=1.5,
    cause="not-listening",
    evidence=("host1: smtp[1]: deferred",),
)
TRIAL = Trial("client.dns", "host2", "a lookup", True, "mail", "mail", 0.1)
RUN = MailTestResult("2026-11-25T01:00:00+00:00", 2.0, (LOST,), (TRIAL,))


def test_a_lost_message_is_a_failed_case_with_its_explanation() -> None:
    trial, delivery = cases([RUN])
    assert (trial.group, trial.name, trial.failure) == (
        "test-mail.trial",
        "client.dns host2",
        "",
    )
    assert delivery.name == "message user1@example1.jp to user2@example2.jp"
    assert delivery.failure.startswith("No server accepts connections at that address")
    assert "host1: smtp[1]: deferred" in delivery.details
    assert not RUN.ok


def test_repeated_runs_are_groups_of_their_own() -> None:
    groups = [case.group for case in cases([RUN, RUN])]
    assert groups == [f"test-mail.{n}.{what}" for n in (1, 2) for what in ("trial", "delivery")]
