"""What a stranger's conversation with the mail server tells, as far as it came."""

from __future__ import annotations

import pytest

from labctl.errors import WrongState
from provision.stranger import StrangersAnswer, ask_to_relay
from tests.fakes.host import FakeHost, Reply
from tests.fakes.target import fake_target

GREETED = "220 mail.example1.jp ESMTP\n250 DSN\n250 2.1.0 Ok\n"


@pytest.mark.parametrize(
    ("said", "reply", "last", "accepted"),
    [
        (f"{GREETED}250 2.1.5 Ok\n", "250 2.1.5 Ok", "250 2.1.5 Ok", True),
        (
            f"{GREETED}454 4.7.1 Relay access denied\n",
            "454 4.7.1 Relay access denied",
            "454 4.7.1 Relay access denied",
            False,
        ),
        (
            f"{GREETED}454 4.7.1 no\n250 2.0.0 Ok\n250 2.1.0 Ok\n250 2.1.5 Ok\n221 Bye\n",
            "250 2.1.5 Ok",
            "221 Bye",
            True,
        ),
        (
            f"{GREETED}454 4.7.1 no\n--\n{GREETED}250 2.1.5 Ok\n",
            "250 2.1.5 Ok",
            "454 4.7.1 no",
            True,
        ),
        (f"{GREETED}454 4.7.1 no\n--\n{GREETED}454 no\n", "454 4.7.1 no", "454 4.7.1 no", False),
        ("220 mail.example1.jp ESMTP\n250 DSN\n451 no\n", "", "451 no", False),
        ("554 5.7.1 No SMTP service here\n", "", "554 5.7.1 No SMTP service here", False),
        ("\n\n", "", "", False),
        ("", "", "", False),
    ],
)
def test_the_answer_is_the_reply_to_the_recipient(
    said: str, reply: str, last: str, accepted: bool
) -> None:
    host = FakeHost("host1")
    host.says("stranger.sh", stdout=said)
    answer = ask_to_relay(fake_target(host), "user2@example2.jp")
    assert answer == StrangersAnswer(reply, last)
    assert answer.accepted is accepted


def test_the_stranger_speaks_to_the_hosts_address_for_a_limited_time() -> None:
    host = FakeHost("host1")
    host.says("stranger.sh")
    ask_to_relay(fake_target(host), "user2@example2.jp")
    (ran,) = host.ran
    # Both forged senders are of addresses that a server may trust too much.
    senders = ("user1@example1.jp", "user2@example2.jp")
    assert ran.words[:5] == ("stranger.sh", "192.168.56.101", *senders, "user2@example2.jp")
    assert float(ran.words[5]) >= 7.5


def test_a_script_that_fails_has_heard_nothing() -> None:
    host = FakeHost("host1")
    host.when("stranger.sh", answer=lambda _ran: Reply("", status=1))
    assert ask_to_relay(fake_target(host), "a@b") == StrangersAnswer("", "")


def test_a_host_that_does_not_answer_is_not_a_server_that_refuses() -> None:
    host = FakeHost("host1", running=False)
    with pytest.raises(WrongState):
        ask_to_relay(fake_target(host), "a@b")
