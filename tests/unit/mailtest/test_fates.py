"""What becomes of a message besides plain delivery, in lines recorded from real Postfix.

`postfix-3.7-fates.log` was written by a lab's host1 (Debian 12, Postfix 3.7.11) with header
checks, transport maps, a milter, soft_bounce, another syslog_name, a second instance, and
rsyslog's $RepeatedMsgReduction. `postfix-3.10-fates.log` was written by host1 of a lab with
Debian 13 (Postfix 3.10.13) with several recipients, a submission port, long queue ids and a peer
that was down for a while. Of equal failed attempts the first is kept.
"""

import pytest

from labctl.mailtest.explain import FailureCause, explain
from labctl.mailtest.journey import Journey, Visit, follow_file, visits_of
from labctl.mailtest.letters import id_from_logs
from labctl.mailtest.postfixevents import Accepted, Attempt, Inspected, Notified
from labctl.mailtest.postfixlog import Record
from labctl.mailtest.trace import Stage, StageKind, trace_records
from tests.unit.mailtest.recorded import LOCAL_ANSWER, lines, parsed, records

FATES = records("postfix-3.7-fates.log")
VISITS = {visit.queue_id: visit for visit in visits_of(FATES)}


def visit(queue_id: str) -> Visit:
    return VISITS[queue_id]


def journey(queue_id: str) -> Journey:
    return follow_file(queue_id, FATES)


def statuses(queue_id: str) -> list[str]:
    return [hop.status for hop in visit(queue_id).hops()]


def stage(queue_id: str, program: str) -> Stage:
    """The last stage that the program logged about the queue file."""
    stages = trace_records(FATES, queue_id).stages
    return [s for s in stages if (s.queue_id, s.program) == (queue_id, program)][-1]


@pytest.mark.parametrize(
    ("queue_id", "word"), [("85B3D212115", "expired"), ("D2DF02120AA", "force-expired")]
)
def test_an_expired_message_has_ended_and_failed(queue_id: str, word: str) -> None:
    assert statuses(queue_id) == [word]
    assert visit(queue_id).ended and journey(queue_id).failed
    assert stage(queue_id, "bounce").kind is StageKind.NON_DELIVERY_NOTICE
    expired = [s for s in trace_records(FATES, queue_id).stages if s.kind is StageKind.EXPIRED]
    assert [s.facts["status"] for s in expired] == [word]


def test_an_expired_message_has_ended_even_if_the_line_of_its_removal_is_lost() -> None:
    found = [r for r in FATES if r.queue_id != "85B3D212115" or r.text != "removed"]
    cut = follow_file("85B3D212115", found)
    assert cut.settled and not cut.told


def test_a_delivered_message_has_ended_even_if_the_line_of_its_removal_is_lost() -> None:
    found = [r for r in records("postfix-3.7.log") if r.queue_id == "712A6228717"]
    (whole,), (cut,) = visits_of(found), visits_of([r for r in found if r.text != "removed"])
    assert whole.removed and whole.ended
    assert cut.ended and not cut.removed


def test_a_message_to_three_has_not_ended_after_the_first() -> None:
    found = [r for r in FATES if r.queue_id == "36A42212092"][:4]
    (early,) = visits_of(found)
    assert len(early.attempts) == 1 and not early.ended


def test_verifying_an_address_delivers_nothing() -> None:
    probe = visit("36A42212092")
    assert sorted(hop.status for hop in probe.hops()) == [
        "deliverable",
        "deliverable",
        "undeliverable",
    ]
    assert probe.is_probe
    assert not journey("36A42212092").failed
    assert not any(a.is_local or a.is_relay or a.is_failure for a in probe.attempts)
    kinds = {s.kind for s in trace_records(FATES, "36A42212092").stages}
    assert StageKind.VERIFIED in kinds
    assert not kinds & {StageKind.DELIVERED, StageKind.RELAYED, StageKind.BOUNCED}


def test_the_last_message_is_not_a_probe() -> None:
    until_probe = [r for r in FATES if r.queue_id == "36A42212092"]
    before = [r for r in records("postfix-3.7.log") if r.queue_id == "712A6228717"]
    assert trace_records([*before, *until_probe]).stages[0].queue_id == "712A6228717"


def test_a_probe_is_not_taken_for_an_answer() -> None:
    probe = [r for r in FATES if r.queue_id == "36A42212092"]
    assert id_from_logs(LOCAL_ANSWER, probe, "labctl.") == ""


@pytest.mark.parametrize("queue_id", ["6AEEF2120C3", "6E16B212122"])
def test_a_soft_bounce_is_tried_again(queue_id: str) -> None:
    (attempt,) = visit(queue_id).attempts
    assert attempt.status == "SOFTBOUNCE" and attempt.is_failure
    assert not attempt.is_final
    assert stage(queue_id, "local" if "6E16" in queue_id else "smtp").kind is StageKind.DEFERRED


def test_a_soft_bounce_keeps_the_message_in_the_queue() -> None:
    found = [r for r in FATES if r.queue_id == "6AEEF2120C3" and r.program != "postsuper"]
    assert not visits_of(found)[0].ended


@pytest.mark.parametrize(
    ("queue_id", "program", "kind"),
    [
        ("A0FC52129A6", "lmtp", StageKind.DELIVERED),  # a local socket
        ("9A669213124", "lmtp", StageKind.DELIVERED),  # LMTP over TCP
        ("A4EEE2120A8", "pipe", StageKind.DELIVERED),
        ("B091A2120A8", "virtual", StageKind.DELIVERED),
        ("A2C6B212086", "local", StageKind.DELIVERED),  # an alias to a file
        ("A8D2B212153", "local", StageKind.FORWARDED),  # ~/.forward
        ("A9970212152", "smtp", StageKind.RELAYED),
        ("897D22120A3", "discard", StageKind.DISCARDED),
        ("9A24A212088", "error", StageKind.BOUNCED),
        ("85FD82120CF", "error", StageKind.DEFERRED),
    ],
)
def test_every_delivery_agent_is_known_for_what_it_does(
    queue_id: str, program: str, kind: StageKind
) -> None:
    assert stage(queue_id, program).kind is kind


def test_only_a_relay_is_preceded_by_a_name_lookup() -> None:
    for queue_id, expected in (("A0FC52129A6", 0), ("9A669213124", 0), ("A9970212152", 1)):
        stages = trace_records(FATES, queue_id).stages
        found = [s for s in stages if s.kind is StageKind.LOOKED_UP and s.queue_id == queue_id]
        assert len(found) == expected


def test_a_forwarded_message_is_followed_to_its_next_queue_file() -> None:
    way = journey("A8D2B212153")
    assert [v.queue_id for v in way.visits] == ["A8D2B212153", "A9970212152"]


def test_a_requeued_message_ends_its_queue_file_and_goes_on_under_a_new_id() -> None:
    assert visit("9F0672120B6").removed
    assert len(journey("9F0672120B6").visits) == 2


def test_words_of_a_reply_are_not_a_status() -> None:
    """The other server says `status=sent (250 2.0.0 Ok: queued as …)` and refuses the mail."""
    (deferred,) = visit("9E0EE213123").attempts
    (bounced,) = visit("A52B3213126").attempts
    assert (deferred.status, bounced.status) == ("deferred", "bounced")
    for attempt in (deferred, bounced):
        assert "status=sent (250 2.0.0 Ok: queued as" in attempt.detail
        assert attempt.next_queue_id == ""
        assert not attempt.is_relay


def test_words_of_an_address_are_not_a_status() -> None:
    (attempt,) = visit("701C22120A3").attempts
    assert attempt.recipient.startswith('"x>, relay=none') and "status=sent" in attempt.recipient
    assert (attempt.relay, attempt.status) == ("local", "bounced")


def test_a_refusal_by_a_milter_is_a_complaint_and_ends_the_message() -> None:
    refused = visit("E681C212099")
    inspected = [r for r in refused.records if isinstance(r.event, Inspected)]
    assert [r.event for r in inspected] == [Inspected("reject", "END-OF-MESSAGE")]
    assert inspected[0].is_complaint
    assert refused.removed and statuses("E681C212099") == ["rejected"]
    assert stage("E681C212099", "cleanup").kind is StageKind.REFUSED


def test_a_message_that_a_milter_discards_is_not_delivered() -> None:
    assert statuses("E8454212099") == ["discarded"]
    assert journey("E8454212099").failed or visit("E8454212099").removed
    assert stage("E8454212099", "cleanup").kind is StageKind.DISCARDED


def test_a_rule_that_only_warns_is_no_complaint() -> None:
    (warned,) = [r for r in FATES if r.text.startswith("warning: header Subject: warn")]
    assert not warned.is_complaint
    assert statuses("643592120C6") == ["sent"]
    real = [r for r in FATES if r.text.startswith("warning: hostname")]
    assert real and all(record.is_complaint for record in real)


def test_a_header_check_that_refuses_names_its_reason() -> None:
    way = journey("5E6352120CD")
    assert statuses("5E6352120CD") == ["bounced"] and way.failed
    told = explain("", way, FATES, FailureCause.LATE)
    assert told.cause is FailureCause.REFUSED_BY_RULE
    assert any("no such mail" in line for line in told.evidence)


def test_a_held_message_waits_until_it_is_released() -> None:
    held = [r for r in FATES if r.queue_id == "6617B2120CE"]
    (waiting,) = visits_of(held[:3])
    assert [hop.status for hop in waiting.hops()] == ["held"] and not waiting.ended
    (released,) = visits_of(held[:4])
    assert [hop.status for hop in released.hops()] == ["queued"]
    assert statuses("6617B2120CE") == ["sent"]


def test_a_refused_recipient_does_not_end_the_message_of_the_others() -> None:
    both = visit("278642127F7")
    assert Inspected("reject", "RCPT") in [r.event for r in both.records]
    assert not Inspected("reject", "RCPT").ends
    assert [hop.status for hop in both.hops()] == ["sent"]


def test_a_notice_of_success_is_not_a_bounce() -> None:
    notice = next(r.event for r in visit("B0F63212146").records if isinstance(r.event, Notified))
    assert (notice.reader, notice.kind) == ("sender", "delivery status")
    assert stage("B0F63212146", "bounce").kind is StageKind.NOTICE


@pytest.mark.parametrize(
    ("queue_id", "program"), [("92481212089", "local"), ("684AE2143A2", "smtp")]
)
def test_another_syslog_name_or_instance_keeps_queue_ids_and_programs(
    queue_id: str, program: str
) -> None:
    found = visit(queue_id)
    assert found.message_id and found.removed
    assert {r.program for r in found.records} == {"pickup", "cleanup", "qmgr", program}


def test_a_program_that_is_not_postfix_has_no_queue_ids() -> None:
    line = "2026-11-25T01:00:00+00:00 host1 school/backup[9]: DEADBEEF: removed"
    (record,) = parsed([line])
    assert (record.program, record.queue_id, record.event) == ("school/backup", "", None)


def test_repeated_lines_are_unpacked() -> None:
    assert any(
        "message repeated 3 times: [ 8F2C1212144:" in x for x in lines("postfix-3.7-fates.log")
    )
    repeated = [r for r in FATES if r.queue_id == "8F2C1212144"]
    assert len(repeated) == 4
    assert all(isinstance(r.event, Attempt) and r.event.status == "deferred" for r in repeated)
    assert len([r for r in FATES if r.text == "warning: hostname x does not resolve"]) == 3


@pytest.mark.parametrize("name", ["postfix-3.7-postlogd.log", "postfix-3.7-rfc5424.log"])
def test_other_writers_of_the_log(name: str) -> None:
    """postlogd(8) with $maillog_file, and rsyslog's RSYSLOG_SyslogProtocol23Format."""
    found = records(name)
    assert len(found) == len(lines(name))
    ended = visits_of(found)
    assert ended and all(v.message_id and v.removed for v in ended)
    assert {hop.status for v in ended for hop in v.hops()} == {"sent"}
    kinds = {s.kind for v in ended for s in trace_records(found, v.queue_id).stages}
    assert StageKind.DELIVERED in kinds


def test_an_attribute_of_newer_postfix_is_skipped() -> None:
    """Postfix 3.11 logs how TLS went (log_adhoc.c); the line is made, not recorded."""
    line = lines("postfix-3.7.log")[4].replace(", dsn=", ", tls=dane/requiretls, dsn=")
    (record,) = parsed([line])
    assert isinstance(record.event, Attempt) and record.event.status == "sent"


def test_a_notice_that_takes_over_a_queue_id_is_another_message() -> None:
    notice = [r for r in FATES if r.queue_id == "62F3B212077"]
    again = [Record(r.time, r.host, r.program, r.pid, r.queue_id, r.text, r.event) for r in notice]
    assert len(visits_of([*notice, *again])) == 2


NEWER = records("postfix-3.10-fates.log")
NEWER_VISITS = {visit.queue_id: visit for visit in visits_of(NEWER)}


def newer(queue_id: str) -> list[str]:
    """What became of each recipient, in the order of the log, by Postfix 3.10."""
    return [hop.status for hop in NEWER_VISITS[queue_id].hops()]


@pytest.mark.parametrize(
    ("queue_id", "told"),
    [
        ("147562C2596", ["bounced", "bounced", "sent"]),  # three recipients of this host
        ("25B842C2594", ["bounced", "bounced", "sent"]),  # three of the other
        ("6786C2C259D", ["sent"]),  # LMTP over TCP
        ("98A4D2C259F", ["bounced"]),  # the transport error
        ("E1B012C25A6", ["bounced"]),  # a header check rejects
        ("294292C259D", ["sent"]),  # a header check warns
        ("59E2A2C25B8", ["force-expired"]),
        ("4jbW7j5Qk7zPnXg", ["expired"]),
        ("2B23D2C259D", ["sent"]),  # on hold, then released
        ("4jbW805JXczPnYy", ["SOFTBOUNCE"]),
        ("4jbW8M4njpzPmqN", ["sent"]),  # deferred many times before
        ("4jbW9J5XBSzPmtZ", ["bounced"]),  # the reply has the words status=sent and queued as
    ],
)
def test_the_same_fates_in_the_words_of_postfix_3_10(queue_id: str, told: list[str]) -> None:
    assert sorted(newer(queue_id)) == sorted(told)


def test_a_message_that_was_deferred_and_then_sent_has_not_failed() -> None:
    late = follow_file("4jbW8M4njpzPmqN", NEWER)
    assert {a.status for a in late.visits[0].attempts} == {"deferred", "sent"}
    assert late.visits[0].ended and not late.failed


def test_a_refused_message_of_postfix_3_10_is_removed_by_cleanup() -> None:
    assert any(r.text == "removed (discarded)" for r in NEWER)
    assert NEWER_VISITS["E1B012C25A6"].removed


def test_a_message_that_bounces_for_one_recipient_is_followed_for_the_others() -> None:
    way = follow_file("25B842C2594", NEWER)
    sent = [a for a in way.visits[0].attempts if a.status == "sent"]
    assert [a.recipient for a in sent] == ["user2@example2.jp"] and sent[0].next_queue_id
    assert trace_records(NEWER, "25B842C2594").stages


@pytest.mark.parametrize("queue_id", ["B5F772C2683", "F38472C2694"])
def test_other_ports_of_smtpd_are_smtpd(queue_id: str) -> None:
    """`postfix/submission/smtpd` and `postfix/smtps/smtpd`."""
    first = NEWER_VISITS[queue_id].records[0]
    assert isinstance(first.event, Accepted) and first.program == "smtpd"
    assert newer(queue_id) == ["sent"]


def test_words_of_a_reply_are_not_a_status_for_postfix_3_10() -> None:
    (attempt,) = NEWER_VISITS["4jbW9J5XBSzPmtZ"].attempts
    assert "status=sent (250 2.0.0 Ok: queued as 0D33C22840E)" in attempt.detail
    assert (attempt.status, attempt.next_queue_id) == ("bounced", "")
