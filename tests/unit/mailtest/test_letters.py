"""The messages of the mail test follow the book, and each is found by its token."""

from labctl.lab import load_edition
from labctl.mailtest.letters import answer_to, first_letters, id_from_logs
from tests.unit.mailtest.recorded import records

HOSTS = load_edition("ubuntu-example").hosts


def test_each_writes_to_the_other_and_to_oneself() -> None:
    ways = [(x.kind, x.sender.mailbox, x.recipient.mailbox) for x in first_letters(HOSTS, "t")]
    assert ways == [
        ("message", "user1@example1.jp", "user2@example2.jp"),
        ("local", "user1@example1.jp", "user1@example1.jp"),
        ("message", "user2@example2.jp", "user1@example1.jp"),
        ("local", "user2@example2.jp", "user2@example2.jp"),
    ]


def test_subject_and_body_are_the_books() -> None:
    first = first_letters(HOSTS, "t")[0]
    assert (first.subject, first.body) == ("Test mail from user1", "This is test mail from user1")


def test_no_two_messages_share_a_token_and_all_carry_the_runs() -> None:
    tokens = [letter.token for letter in first_letters(HOSTS, "labctl.77")]
    assert len(set(tokens)) == len(tokens)
    assert all(token.startswith("labctl.77") for token in tokens)


def test_an_answer_goes_back_and_is_known_by_the_message_it_answers() -> None:
    first = first_letters(HOSTS, "t")[0]
    answer = answer_to(first)
    assert (answer.sender, answer.recipient) == (first.recipient, first.sender)
    assert answer.subject == "Re: Test mail from user1"
    assert answer.token == first.token
    assert answer.message_id == ""


def test_an_answer_that_never_came_is_found_in_the_senders_log() -> None:
    answer = answer_to(first_letters(HOSTS, "t")[0])
    logs = records("postfix-3.7.log")
    first = "20261125012353.712A6228717@mail.example2.jp"
    assert id_from_logs(answer, logs, "labctl.") == first
    # The first messages of a run are not answers.
    assert id_from_logs(answer, logs, first) not in ("", first)
    other = answer_to(first_letters(HOSTS, "t")[2])
    assert id_from_logs(other, logs, "labctl.") == ""


def test_an_answer_to_a_wrong_address_is_found_too() -> None:
    answer = answer_to(first_letters(HOSTS, "t")[0])
    wrong = [r for r in records("postfix-3.7.log") if r.queue_id == "39E4F228A8E"]
    assert id_from_logs(answer, wrong, "labctl.") == "20261125012356.39E4F228A8E@mail.example2.jp"
