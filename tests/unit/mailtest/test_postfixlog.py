"""Postfix's log lines are parsed correctly for every version and time stamp format."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.mailtest.postfixevents import (
    Accepted,
    Activated,
    Attempt,
    Identified,
    Notified,
    PickedUp,
    Removed,
)
from labctl.mailtest.postfixlog import Record, parse_lines
from tests.unit.mailtest.recorded import DATA, NOW, SENDERS, lines, records


def attempts(name: str) -> list[Attempt]:
    return [record.event for record in records(name) if isinstance(record.event, Attempt)]


def parsed(line: str, now: datetime) -> Record | None:
    return next(parse_lines(line, now), None)


def one(line: str) -> Record:
    record = parsed(line, NOW)
    assert record is not None
    return record


@pytest.mark.parametrize("path", sorted(DATA.glob("*.log")), ids=lambda path: path.stem)
def test_every_recorded_line_is_understood(path: Path) -> None:
    for line in lines(path.name):
        record = one(line)
        assert record.text and bool(record.pid) == (record.program != "dovecot")
        assert record.queue_id or record.event is None
        # A line about a queue file says something known about it, but for a rule that only
        # warns and for postsuper's mark before the queue manager acts.
        known = bool(record.queue_id) and not record.text.startswith(("warning: header", "expired"))
        assert (record.event is not None) == known


@pytest.mark.parametrize("name", SENDERS)
def test_a_message_sent_to_another_server(name: str) -> None:
    sent = attempts(name)[0]
    assert sent.recipient == "user1@example1.jp"
    assert sent.relay == "mail.example1.jp[192.168.56.101]:25"
    assert (sent.status, sent.dsn) == ("sent", "2.0.0")
    assert sent.next_queue_id and sent.next_queue_id in sent.detail
    assert sent.delay == pytest.approx(sum(sent.delays), abs=0.02)


def test_all_figures_of_a_delivery() -> None:
    record = one(
        "2026-11-25T01:26:43.194390+00:00 host3 postfix/smtp[410]: 0D33C22840E: "
        "to=<user1@example1.jp>, relay=mail.example1.jp[192.168.56.101]:25, delay=0.15, "
        "delays=0.02/0.03/0.07/0.03, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 2E5B2222588)"
    )
    assert record.time == datetime(2026, 11, 25, 1, 26, 43, 194390, tzinfo=UTC)
    assert (record.host, record.program, record.pid) == ("host3", "smtp", 410)
    assert record.queue_id == "0D33C22840E"
    assert record.event == Attempt(
        agent="smtp",
        recipient="user1@example1.jp",
        original_recipient="",
        relay="mail.example1.jp[192.168.56.101]:25",
        delay=0.15,
        delays=(0.02, 0.03, 0.07, 0.03),
        dsn="2.0.0",
        status="sent",
        detail="250 2.0.0 Ok: queued as 2E5B2222588",
    )


@pytest.mark.parametrize("name", SENDERS)
def test_a_message_put_off_because_nobody_listens(name: str) -> None:
    (deferred,) = [attempt for attempt in attempts(name) if attempt.status == "deferred"]
    assert (deferred.relay, deferred.dsn) == ("none", "4.4.1")
    assert "Connection refused" in deferred.detail
    assert not deferred.is_final
    assert deferred.next_queue_id == ""


@pytest.mark.parametrize("name", SENDERS)
def test_bounces_name_their_reason_and_the_notice_to_the_sender(name: str) -> None:
    bounced = [attempt for attempt in attempts(name) if attempt.status == "bounced"]
    assert [attempt.dsn for attempt in bounced] == ["5.1.1", "5.1.1", "5.4.4"]
    remote, local, unknown_host = (attempt.detail for attempt in bounced)
    # The reason itself contains parentheses.
    assert remote.endswith("(in reply to RCPT TO command)")
    assert local == 'unknown user: "nosuch"'
    assert unknown_host.startswith("unable to look up host nohost.example1.jp")
    notices = [r.event for r in records(name) if isinstance(r.event, Notified)]
    assert [notice.kind for notice in notices] == ["non-delivery"] * 3
    known = {record.queue_id for record in records(name)}
    assert {notice.queue_id for notice in notices} <= known


@pytest.mark.parametrize("name", SENDERS)
def test_several_recipients_and_aliases(name: str) -> None:
    original = {attempt.original_recipient for attempt in attempts(name)}
    assert {"postmaster", ""} < original
    several = [r.event for r in records(name) if isinstance(r.event, Activated)]
    assert {event.recipients for event in several} == {1, 2, 3}
    assert {event.sender for event in several if event.size > 2000} == {""}


@pytest.mark.parametrize("name", SENDERS)
def test_delivery_over_ipv6(name: str) -> None:
    (six,) = [attempt for attempt in attempts(name) if "mail6" in attempt.relay]
    assert six.relay == "mail6.example1.jp[fd00:56::101]:25"
    assert six.status == "sent"


@pytest.mark.parametrize("name", SENDERS)
def test_tls_lines_belong_to_no_queue_file(name: str) -> None:
    tls = [record for record in records(name) if "TLS connection established" in record.text]
    assert tls
    assert {record.queue_id for record in tls} == {""}


@pytest.mark.parametrize("name", SENDERS)
def test_long_queue_ids(name: str) -> None:
    long = {record.queue_id for record in records(name) if len(record.queue_id) > 12}
    assert long
    assert all("z" in queue_id for queue_id in long)


@pytest.mark.parametrize("name", ["postfix-3.7-rfc3164.log", "postfix-3.10-rfc3164.log"])
def test_traditional_stamps_take_year_and_offset_from_the_hosts_clock(name: str) -> None:
    found = records(name)
    assert {record.time.date().isoformat() for record in found} == {"2026-11-25"}
    kinds = {type(record.event) for record in found}
    assert {PickedUp, Identified, Activated, Attempt, Removed} <= kinds


def test_a_line_of_december_read_in_january_is_last_years() -> None:
    now = datetime(2027, 1, 1, 0, 0, 5, tzinfo=timezone(timedelta(hours=9)))
    record = parsed("Dec 31 23:59:58 host1 postfix/qmgr[7]: 410372289B1: removed", now)
    assert record is not None
    assert record.time == datetime(2026, 12, 31, 14, 59, 58, tzinfo=UTC)


def test_a_day_that_this_year_has_not_is_no_line() -> None:
    now = datetime(2027, 3, 1, tzinfo=UTC)
    assert parsed("Feb 29 10:00:00 host1 postfix/qmgr[7]: 410372289B1: removed", now) is None


def test_the_journals_offset_has_no_colon() -> None:
    line = "2026-11-25T10:15:46.371689+0900 host2 postfix/qmgr[1044]: 57BAF2289B9: removed"
    assert one(line).time == datetime(2026, 11, 25, 1, 15, 46, 371689, tzinfo=UTC)


def test_smtp_auth_names_the_user() -> None:
    record = one(
        "2026-11-25T01:00:00+00:00 host1 postfix/smtpd[9]: 902E52226FE: "
        "client=unknown[192.168.56.1], sasl_method=PLAIN, sasl_username=user1"
    )
    assert record.event == Accepted("unknown[192.168.56.1]", "user1")


def test_a_daemon_of_another_service_or_instance_keeps_its_name() -> None:
    line = "2026-11-25T01:00:00+00:00 host1 postfix-out/submission/smtpd[9]: connect from x[::1]"
    assert one(line).program == "smtpd"


def test_a_rejected_recipient_is_a_complaint_without_queue_file() -> None:
    rejected = [r for r in records("postfix-3.7-receiver.log") if r.text.startswith("reject:")]
    assert len(rejected) == 1
    assert rejected[0].is_complaint and rejected[0].queue_id == ""


@pytest.mark.parametrize("name", SENDERS)
def test_complaints_are_the_lines_that_explain_a_failure(name: str) -> None:
    told = [str(record) for record in records(name) if record.is_complaint]
    assert len(told) == 5  # three bounces, one deferral, and the connection that failed
    assert sum("status=bounced" in line for line in told) == 3


def test_a_word_before_a_colon_is_no_queue_id() -> None:
    line = "2026-11-25T01:00:00+00:00 host1 postfix/smtpd[9]: warning: hostname x does not resolve"
    record = one(line)
    assert (record.queue_id, record.is_complaint) == ("", True)


def test_dovecots_lines_have_no_process_id() -> None:
    line = "2026-11-25T01:14:13.712546+00:00 host1 dovecot: master: Dovecot v2.3.19.1 starting up"
    record = one(line)
    assert (record.program, record.pid, record.event) == ("dovecot", 0, None)
    assert str(record) == "dovecot: master: Dovecot v2.3.19.1 starting up"


@given(st.text())
def test_no_text_whatever_breaks_the_parser(text: str) -> None:
    parsed(text, NOW)
    parsed("2026-11-25T01:00:00+00:00 host1 postfix/smtp[9]: 902E52226FE: " + text, NOW)
    parsed("Nov 25 01:00:00 host1 postfix/smtp[9]: 902E52226FE: to=<" + text, NOW)


def test_a_line_cut_anywhere_gives_no_wrong_delivery() -> None:
    whole = lines("postfix-3.7.log")[4]
    records = [parsed(whole[:cut], NOW) for cut in range(len(whole) + 1)]
    attempts = [each.event for each in records if each and isinstance(each.event, Attempt)]
    assert {(each.recipient, each.status) for each in attempts} == {("user1@example1.jp", "sent")}
