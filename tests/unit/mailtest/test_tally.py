"""Classify each message by its copies and the logs: lost, duplicate, or sent again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from labctl.mailtest.postfixevents import Attempt, Removed
from labctl.mailtest.postfixlog import Record
from labctl.mailtest.stream import Answer, Sent
from labctl.mailtest.tally import Tally, find_astray
from labctl.results import Astray
from tests.unit.mailtest.recorded import KILLED, REPEATED, STRESS, UNTOUCHED, records

PEERS = {"host1": "host2", "host2": "host1"}
LOGS = records(*STRESS)


def sent(token: str, answer: Answer = "accepted") -> Sent:
    return Sent(token, "quiet", f"host{token[-4]}", answer, "")


def judge(
    message: Sent, boxes: int, queues: int = 0, logs: list[Record] = LOGS
) -> tuple[Astray, ...]:
    delivered = {message.token: boxes} if boxes else {}
    queued = {message.token: queues} if queues else {}
    return find_astray([message], Tally(delivered, queued), logs, PEERS)


@pytest.mark.parametrize("token", [REPEATED, KILLED, UNTOUCHED])
@pytest.mark.parametrize(("boxes", "queues"), [(1, 0), (0, 1), (1, 1)])
def test_once_in_a_mailbox_or_in_a_queue_is_well(token: str, boxes: int, queues: int) -> None:
    assert judge(sent(token), boxes, queues) == ()


def test_an_accepted_message_that_is_nowhere_is_lost() -> None:
    (lost,) = judge(sent(UNTOUCHED), 0)
    assert (lost.fate, lost.copies, lost.sender, lost.recipient) == ("lost", 0, "host2", "host1")
    assert lost.queue_ids == ("host1 83861558024", "host2 749BC55802D")
    assert "host2: sendmail: accepted" in lost.story
    assert any("749BC55802D" in line and "status=sent" in line for line in lost.story)
    assert not any("F207B558014" in line for line in lost.story)


def test_a_loss_that_no_log_tells_of_is_one_too() -> None:
    (lost,) = judge(sent(UNTOUCHED), 0, logs=[])
    assert (lost.fate, lost.queue_ids) == ("lost", ())
    assert lost.story == ("host2: sendmail: accepted",)


@pytest.mark.parametrize("answer", ["refused", "unanswered"])
def test_what_nobody_accepted_may_be_anywhere_but_not_twice(answer: Answer) -> None:
    message = sent(UNTOUCHED, answer)
    assert judge(message, 0) == judge(message, 1) == ()
    assert [one.fate for one in judge(message, 2)] == ["duplicate"]


def test_a_second_copy_after_a_lost_answer_is_told_with_its_window() -> None:
    (one,) = judge(sent(REPEATED), 2)
    assert (one.fate, one.window) == ("repeated", "smtp")
    assert one.queue_ids == ("host1 E22A755801A", "host2 F207B558014", "host2 E15F2558034")
    assert any("daemon started" in line for line in one.story)


def test_more_copies_than_crashes_are_a_failure() -> None:
    assert [one.fate for one in judge(sent(REPEATED), 3)] == ["duplicate"]


def test_a_second_copy_of_a_message_that_no_crash_met_is_a_failure() -> None:
    assert [one.fate for one in judge(sent(UNTOUCHED), 2)] == ["duplicate"]


def test_without_the_restart_the_same_second_copy_is_a_failure() -> None:
    calm = [record for record in LOGS if "daemon started" not in record.text]
    assert [one.fate for one in judge(sent(REPEATED), 2, logs=calm)] == ["duplicate"]


def test_a_restart_after_the_queue_let_it_go_excuses_nothing() -> None:
    late = [
        replace(record, time=record.time + timedelta(hours=1)) if is_start(record) else record
        for record in LOGS
    ]
    assert [one.fate for one in judge(sent(REPEATED), 2, logs=late)] == ["duplicate"]


def is_start(record: Record) -> bool:
    return "daemon started" in record.text


def test_a_broken_connection_at_the_end_of_data_is_a_reason_too() -> None:
    """host1 was not restarted, but its log says that the answer did not arrive."""
    calm = [record for record in LOGS if not is_start(record)]
    place, attempt = next(
        (place, record)
        for place, record in enumerate(calm)
        if record.queue_id == "E22A755801A" and isinstance(record.event, Attempt)
    )
    assert isinstance(attempt.event, Attempt)
    said = (
        "lost connection with mail.example2.jp[192.168.56.102] while sending end of data"
        " -- message may be sent more than once"
    )
    broken = replace(attempt, event=replace(attempt.event, status="deferred", detail=said))
    (one,) = judge(sent(REPEATED), 2, logs=[*calm[:place], broken, *calm[place:]])
    assert (one.fate, one.window) == ("repeated", "smtp")


def test_a_mailbox_written_twice_around_a_restart_is_the_local_window() -> None:
    """host1 had written 83861558024 to the mailbox when its Postfix ended without a log line."""
    start = next(record for record in LOGS if is_start(record) and record.host == "host1")
    delivered = next(
        r for r in LOGS if r.queue_id == "83861558024" and isinstance(r.event, Attempt)
    )
    again = replace(delivered, time=start.time + timedelta(seconds=1))
    logs = [r for r in LOGS if not (r.queue_id == "83861558024" and isinstance(r.event, Removed))]
    (one,) = judge(sent(UNTOUCHED), 2, logs=[*logs, again])
    assert (one.fate, one.window) == ("repeated", "local")


def test_two_queue_files_of_one_maildrop_file_around_a_restart() -> None:
    start = next(record for record in LOGS if is_start(record) and record.host == "host1")
    own = [record for record in LOGS if record.queue_id == "8452D55814A"]
    theirs = [record for record in LOGS if record.queue_id == "A07D7558118"]
    early = [
        replace(r, queue_id="1111111111A", time=start.time - timedelta(seconds=5)) for r in own
    ]
    twice = [replace(r, queue_id="2222222222B") for r in theirs]
    rest = [record for record in LOGS if record not in own]
    (one,) = judge(sent(KILLED), 2, logs=[*early, *rest, *own, *twice])
    assert (one.fate, one.window) == ("repeated", "submission")
    calm = [record for record in rest if not is_start(record)]
    (one,) = judge(sent(KILLED), 2, logs=[*early, *calm, *own, *twice])
    assert one.fate == "duplicate"
