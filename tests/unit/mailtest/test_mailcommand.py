"""Writing, reading and answering with the `mail` command of a host in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labctl.lab import Lab
from labctl.mailtest.letters import Letter, Sending, first_letters
from labctl.mailtest.mailcommand import read_by_mail, write_by_mail
from provision.step import Target
from tests.fakes.host import FakeHost
from tests.fakes.target import fake_target

HOST1, HOST2 = fake_target(FakeHost("host1")).lab.mail_hosts
MESSAGE, LOCAL, *_others = first_letters((HOST1, HOST2), "labctl.1")


def shown(letter: Letter) -> str:
    """What `mail` prints of the letter."""
    return f"Message-ID: <{letter.token}>\nSubject: {letter.subject}\n\n{letter.body}\n"


def read(letter: Letter, stdout: str, status: int = 0) -> tuple[Sending, Sending | None, FakeHost]:
    host = FakeHost(letter.recipient.name)
    host.says(stdout=stdout, stderr="mail: broken\n", status=status)
    done, answer = read_by_mail(fake_target(host), Sending(letter), "7")
    return done, answer, host


def test_a_message_that_mail_shows_is_read_and_answered() -> None:
    done, answer, host = read(MESSAGE, shown(MESSAGE))
    assert (done.arrived, done.read, done.words) == (True, True, "")
    assert done.ended > 0
    assert answer is not None
    assert answer.sent
    assert (answer.letter.kind, answer.letter.sender, answer.letter.recipient) == (
        *("answer", HOST2, HOST1),
    )
    [ran] = host.ran
    assert ran.user == "user2"
    assert ran.words[-1] == "mail"
    assert ran.stdin.splitlines() == [
        *("set dot", "print 7", "Reply 7", answer.letter.body, ".", "exit"),
    ]


@pytest.mark.parametrize(
    "stdout",
    ["", "No applicable message\n", f"Message-ID: <{MESSAGE.token}>\n", f"{MESSAGE.body}\n"],
)
def test_a_message_that_mail_does_not_show_is_not_read(stdout: str) -> None:
    done, answer, _host = read(MESSAGE, stdout, status=1)
    assert (done.arrived, done.read, answer) == (True, False, None)
    assert done.words == stdout + "mail: broken\n"


def test_a_message_to_oneself_is_read_and_not_answered() -> None:
    done, answer, host = read(LOCAL, shown(LOCAL))
    assert (done.read, answer) == (True, None)
    assert "Reply" not in host.ran[0].stdin


def test_an_answer_that_mail_could_not_send_says_why() -> None:
    done, answer, _host = read(MESSAGE, shown(MESSAGE), status=1)
    assert done.read
    assert answer is not None
    assert (answer.sent, answer.words) == (False, "mail: broken\n")


def test_a_message_is_written_with_subject_identity_and_body() -> None:
    host = FakeHost("host1")
    host.says()
    sent = write_by_mail(fake_target(host), MESSAGE, "user2@example2.jp")
    assert (sent.sent, sent.words) == (True, "")
    assert sent.begun > 0
    [ran] = host.ran
    assert ran.user == "user1"
    assert ran.stdin == f"{MESSAGE.body}\n"
    assert ran.words[-6:] == (
        *("mail", "-s", MESSAGE.subject, "-a", f"Message-ID: <{MESSAGE.message_id}>"),
        "user2@example2.jp",
    )


def with_s_nail(host: FakeHost) -> Target:
    target = fake_target(host)
    edition = target.lab.edition.model_copy(update={"mail_command": "s-nail"})
    lab = Lab(name="default", edition=edition)
    return replace(target, scene=replace(target.scene, lab=lab))


def test_s_nail_leaves_the_identity_to_postfix() -> None:
    host = FakeHost("host1")
    host.says()
    sent = write_by_mail(with_s_nail(host), MESSAGE, "user2@example2.jp")
    # Its token is in a header of its own.
    assert (sent.letter.token, sent.message_id) == (MESSAGE.token, "")
    [ran] = host.ran
    assert ran.words[-6:] == (
        *("mail", "-s", MESSAGE.subject, "-C", f"X-Labctl-Test: {MESSAGE.token}"),
        "user2@example2.jp",
    )


def test_s_nail_answers_in_batch_mode() -> None:
    host = FakeHost("host2")
    header = f"Message-Id: <1.A@mail.example1.jp>\nX-Labctl-Test: {MESSAGE.token}\n"
    host.says(stdout=f"{header}\n{MESSAGE.body}\n")
    sending = Sending(replace(MESSAGE, message_id=""))
    done, answer = read_by_mail(with_s_nail(host), sending, "7")
    assert (done.read, done.message_id) == (True, "1.A@mail.example1.jp")
    assert answer is not None
    [ran] = host.ran
    assert "mail -# -f " in ran.words[-1]
    assert ran.stdin.splitlines() == [
        *("set dot", "Print 7", f'set customhdr="X-Labctl-Test: {MESSAGE.token}"'),
        *("Reply 7", answer.letter.body, ".", "exit"),
    ]


def test_a_message_that_mail_refuses_keeps_its_words() -> None:
    host = FakeHost("host1")
    host.says(stdout="out\n", stderr="cannot send\n", status=1)
    sent = write_by_mail(fake_target(host), MESSAGE, "user2@example2.jp")
    assert (sent.sent, sent.words) == (False, "out\ncannot send\n")
