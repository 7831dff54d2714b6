"""The book's mail test between two hosts in memory: what passes, and everything that fails."""

import time

import pytest

from labctl.errors import WrongState
from labctl.mailtest.conversation import run_mail_test
from labctl.mailtest.explain import FailureCause
from labctl.results import Delivery, MailTestResult
from tests.fakes.host import Reply
from tests.unit.mailtest.pair import Message, Pair, changed

ONE, TWO = "user1@example1.jp", "user2@example2.jp"
WAYS = {
    ("message", ONE, TWO),
    ("message", TWO, ONE),
    ("local", ONE, ONE),
    ("local", TWO, TWO),
    ("answer", ONE, TWO),
    ("answer", TWO, ONE),
}


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Pair:
    # What is not in the logs at once never comes.
    monkeypatch.setattr("labctl.mailtest.watch._LOG_LAG", 0.1)
    return Pair()


def run(pair: Pair, timeout: float = 0.2) -> MailTestResult:
    return run_mail_test(pair.targets, timeout=timeout)


def by_way(result: MailTestResult) -> dict[tuple[str, str], Delivery]:
    return {(each.kind, each.sender): each for each in result.deliveries}


def typed(pair: Pair) -> list[str]:
    return [ran.stdin for host in pair.hosts.values() for ran in host.fake.ran if ran.stdin]


def test_two_messages_two_answers_and_two_to_oneself(pair: Pair) -> None:
    result = run(pair)
    assert {(d.kind, d.sender, d.recipient) for d in result.deliveries} == WAYS
    assert result.ok and all(d.ok and d.cause == "" for d in result.deliveries)


def test_the_way_of_each_message_is_told_by_the_logs(pair: Pair) -> None:
    ways = by_way(run(pair))
    hosts = {key: [hop.host for hop in ways[key].hops] for key in ways}
    assert hosts["message", ONE] == ["host1", "host2"]
    assert hosts["answer", ONE] == ["host1", "host2"]
    assert hosts["local", TWO] == ["host2"]


def test_each_reads_and_answers_as_the_account_itself(pair: Pair) -> None:
    run(pair)
    for host in pair.hosts.values():
        mails = [ran for ran in host.fake.ran if "mail" in ran.words]
        assert {ran.user for ran in mails} == {host.target.host.account}
    answers = [text for text in typed(pair) if "Reply" in text]
    assert len(answers) == 2
    assert all("\nThis is the answer of user" in text and "\n.\n" in text for text in answers)


def test_a_message_to_oneself_is_not_answered(pair: Pair) -> None:
    run(pair)
    assert sum("Reply" in text for text in typed(pair)) == 2


def test_nothing_of_it_stays(pair: Pair) -> None:
    before = Message(TWO, ONE, "Lunch?", "At noon.", "lunch@example2.jp")
    pair.one.box.append(before)
    run(pair)
    assert pair.one.box == [before] and pair.two.box == []


def test_a_message_that_is_shown_otherwise_was_not_read(pair: Pair) -> None:
    pair.two.shows = lambda message: changed(message, body="garbled").text
    result = run(pair)
    ways = by_way(result)
    lost = ways["message", ONE]
    assert lost.arrived and not lost.read
    assert not lost.ok and not result.ok
    assert lost.cause == FailureCause.NOT_AS_SENT
    assert any("garbled" in line for line in lost.evidence)
    assert ("answer", TWO) not in ways, "what was not read is not answered"


def test_a_message_of_another_token_was_not_read(pair: Pair) -> None:
    pair.two.shows = lambda message: changed(message, message_id="another@example1.jp").text
    assert not by_way(run(pair))["message", ONE].read


def test_a_lost_message_is_late(pair: Pair) -> None:
    pair.two.swallows = True
    result = run(pair)
    ways = by_way(result)
    assert not result.ok
    assert ways["message", ONE].cause == FailureCause.LATE
    assert ways["message", ONE].timeout == 0.2
    assert ways["message", TWO].ok


def test_a_refused_message_is_given_up_at_once_and_explained(pair: Pair) -> None:
    pair.two.refuses = "550 5.1.1 <user2@example2.jp>: Recipient address rejected: User unknown"
    result = run(pair, timeout=60)
    refused = by_way(result)["message", ONE]
    assert not refused.arrived
    assert refused.cause == FailureCause.NO_RECIPIENT
    assert refused.evidence[0].startswith("host1: smtp[7]: ") and "550 5.1.1" in refused.evidence[0]
    assert [hop.status for hop in refused.hops] == ["bounced"]
    assert result.seconds < 10


def test_a_deferred_message_is_given_up_at_once(pair: Pair) -> None:
    pair.two.is_off = True
    result = run(pair, timeout=60)
    assert by_way(result)["message", ONE].cause == FailureCause.UNREACHABLE
    assert result.seconds < 10


def test_without_postfix_the_message_waits_in_the_maildrop(pair: Pair) -> None:
    pair.one.stopped = True
    result = run(pair, timeout=60)
    waits = by_way(result)["message", ONE]
    assert waits.cause == FailureCause.POSTFIX_DOWN
    assert result.seconds < 10


def test_without_a_mail_command_nothing_is_sent(pair: Pair) -> None:
    said = "bash: line 1: mail: command not found\n"
    pair.one.fake.when(
        "bash", "-lc", '"$@"', "bash", "mail", answer=lambda _ran: Reply(stderr=said, status=127)
    )
    ways = by_way(run(pair))
    assert ways["message", ONE].cause == FailureCause.NO_MAIL_COMMAND
    assert ways["message", ONE].evidence == (said.strip(),)
    assert not ways["local", ONE].ok and ways["local", TWO].ok


def test_an_answer_to_a_wrong_sender_is_found_in_the_log(pair: Pair) -> None:
    """The sender of the message is not answerable: the answer goes to an unknown account."""
    pair.two.shows = lambda message: message.text
    pair.one.fake.when("mailbox-find.sh", answer=lambda _ran: Reply())
    result = run(pair)
    answer = by_way(result)["answer", TWO]
    assert not answer.ok
    assert answer.message_id.startswith("2026.")
    assert [hop.host for hop in answer.hops] == ["host2", "host1"]


def test_a_host_that_is_lost_ends_the_test_and_the_other_box_is_put_back(pair: Pair) -> None:
    def lost(_ran: object) -> Reply:
        pair.two.fake.running = False
        return Reply()

    pair.two.fake.when("mailbox-find.sh", answer=lost)
    begun = time.monotonic()
    with pytest.raises(WrongState):
        run(pair, timeout=60)
    assert time.monotonic() - begun < 10
    assert any("mailbox-put-back.sh" in line for line in pair.one.fake.commands())


def test_a_message_is_answered_once_however_often_the_boxes_are_looked_through(pair: Pair) -> None:
    """The answer of one side takes three looks to arrive."""
    looks = iter(range(100))
    found = pair.one.fake._answers[:]

    def slow(ran: object) -> Reply:
        if next(looks) < 3:
            return Reply()
        return next(a for words, a in found if words == ("mailbox-find.sh",))(ran)  # type: ignore[arg-type]

    pair.one.fake.when("mailbox-find.sh", answer=slow)
    assert run(pair, timeout=5).ok
    assert sum("Reply" in text for text in typed(pair)) == 2


def test_the_logs_are_read_until_they_have_the_whole_way(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Syslog writes the receiver's lines a little later than the message arrives."""
    # A tenth of a second may be too short for four looks.
    monkeypatch.setattr("labctl.mailtest.watch._LOG_LAG", 60.0)
    looks = iter(range(100))

    def late(_ran: object) -> Reply:
        return Reply("".join(pair.two.log) if next(looks) >= 3 else "")

    pair.two.fake.when("log-since.sh", answer=late)
    hops = by_way(run(pair))["message", ONE].hops
    assert [hop.host for hop in hops] == ["host1", "host2"]


def test_progress_names_the_hosts(pair: Pair) -> None:
    said: list[tuple[str, str]] = []
    run_mail_test(pair.targets, timeout=0.2, progress=lambda host, what: said.append((host, what)))
    assert ("host1", f"mail to {TWO}") in said
    assert {host for host, _what in said} == {"host1", "host2"}
