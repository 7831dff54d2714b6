"""The path of a message is described stage by stage, with the terms of the chapter."""

from datetime import UTC, datetime, timedelta

import pytest

from labctl.errors import ExitCode, WrongUsage
from labctl.mailtest.postfixlog import Record, parse_lines
from labctl.mailtest.trace import StageKind, Trace, trace_records
from labctl.report.wording import wording_of
from tests.unit.mailtest.recorded import NOW, records

PAIRS = (
    ("postfix-3.7.log", "postfix-3.7-receiver.log", "712A6228717"),
    ("postfix-3.10.log", "postfix-3.7-receiver-from-3.10.log", "29CEB228544"),
)
# Recorded from Dovecot 2.3.19 (Debian 12), except for the POP3 user name.
FETCH = {
    "IMAP": "imap(user1)<611><Mx9pIBBh2qfAqDgB>: Disconnected: Logged out in=56 out=1228 "
    "deleted=0 expunged=0 trashed=0 hdr_count=0 hdr_bytes=0 body_count=1 body_bytes=299",
    "POP3": "pop3(user1)<606><GDRsIBBhlunAqDgB>: Disconnected: Logged out top=0/0, retr=1/498, "
    "del=1/1, size=482",
}


def traced(pair: tuple[str, str, str], *more: Record) -> Trace:
    return trace_records([*records(pair[0], pair[1]), *more], pair[2])


@pytest.mark.parametrize("pair", PAIRS)
def test_the_whole_way_in_the_order_of_events(pair: tuple[str, str, str]) -> None:
    trace = traced(pair)
    assert [(stage.role, stage.program) for stage in trace.stages] == [
        ("MUA", "pickup"),
        ("MTA", "cleanup"),
        ("MTA", "qmgr"),
        ("DNS", "smtp"),
        ("MTA", "smtpd"),
        ("MTA", "smtpd"),
        ("MTA", "cleanup"),
        *sorted_tail(trace),
    ]
    assert {stage.program for stage in trace.stages[7:]} == {"qmgr", "smtp", "smtpd", "local"}
    assert trace.settled
    assert trace.recipients == ("user1@example1.jp",)
    assert [stage.time for stage in trace.stages] == sorted(stage.time for stage in trace.stages)


def sorted_tail(trace: Trace) -> list[tuple[str, str]]:
    """From here on two hosts work in parallel, so sort by time."""
    return [(stage.role, stage.program) for stage in trace.stages[7:]]


@pytest.mark.parametrize("pair", PAIRS)
def test_the_name_lookup_tells_server_and_address(pair: tuple[str, str, str]) -> None:
    (lookup,) = [stage for stage in traced(pair).stages if stage.role == "DNS"]
    assert lookup.facts == {
        "domain": "example1.jp",
        "name": "mail.example1.jp",
        "address": "192.168.56.101",
    }
    assert "example1.jp is mail.example1.jp at 192.168.56.101" in wording_of(lookup).what


@pytest.mark.parametrize("pair", PAIRS)
def test_local_delivery_is_the_mdas(pair: tuple[str, str, str]) -> None:
    (delivered,) = [stage for stage in traced(pair).stages if stage.role == "MDA"]
    assert (delivered.host, delivered.program) == ("host1", "local")
    assert delivered.detail.endswith("(delivered to mailbox)")


@pytest.mark.parametrize("protocol", FETCH)
def test_a_fetch_after_the_delivery_ends_the_way(protocol: str) -> None:
    later = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
    fetch = Record(later, "host1", "dovecot", 0, "", FETCH[protocol])
    last = traced(PAIRS[0], fetch).stages[-1]
    assert (last.role, last.kind, last.reader) == ("MUA", StageKind.FETCHED, "user1")
    assert wording_of(last).what == f"user1 fetched mail over {protocol}"


def test_a_fetch_before_the_delivery_or_of_nothing_or_of_another_is_none() -> None:
    early = datetime(2026, 11, 25, 0, 0, tzinfo=UTC)
    later = early + timedelta(hours=2)
    nothing = FETCH["IMAP"].replace("body_count=1", "body_count=0")
    other = FETCH["POP3"].replace("user1", "user5")
    more = [
        Record(early, "host1", "dovecot", 0, "", FETCH["IMAP"]),
        Record(later, "host1", "dovecot", 0, "", nothing),
        Record(later, "host1", "dovecot", 0, "", other),
        Record(later, "host2", "dovecot", 0, "", FETCH["IMAP"]),
    ]
    assert traced(PAIRS[0], *more) == traced(PAIRS[0])


def test_a_message_is_named_by_message_id_queue_id_of_either_host_or_last() -> None:
    found = records("postfix-3.7.log", "postfix-3.7-receiver.log")
    message = trace_records(found, "712A6228717").message_id
    assert trace_records(found, f"<{message}>").message_id == message
    assert trace_records(found, "902E52226FE").message_id == message
    assert trace_records(found, "last").message_id == "4jZ25P0VFLzK2GD@mail.example2.jp"


def test_the_last_message_is_none_that_a_check_sent() -> None:
    lines = [
        "2026-11-27T18:00:00+00:00 host1 postfix/cleanup[7]: 1A35924C096: message-id=<own@host1>",
        "2026-11-27T18:00:01+00:00 host1 postfix/cleanup[7]: 1A35924C097: "
        "message-id=<labctl.375a6631a4340933.host1.own>",
    ]
    found = [record for line in lines for record in parse_lines(line, NOW)]
    assert trace_records(found, "last").message_id == "own@host1"
    with pytest.raises(WrongUsage, match="do not contain any message yet"):
        trace_records(found[1:], "last")


@pytest.mark.parametrize("found", [[], records("postfix-3.7.log")])
def test_a_message_no_log_names_is_wrong_usage(found: list[Record]) -> None:
    with pytest.raises(WrongUsage) as wrong:
        trace_records(found, "0000000000A")
    assert wrong.value.exit_code is ExitCode.USAGE


def test_a_deferred_message_is_still_held() -> None:
    trace = trace_records(records("postfix-3.7.log"), "A563F228A92")
    assert not trace.settled
    assert trace.stages[-1].kind is StageKind.DEFERRED
    assert "tried again" in wording_of(trace.stages[-1]).what


def test_a_message_without_message_id_is_followed_by_its_queue_ids() -> None:
    found = records("smtp-auth-without-id.log")
    trace = trace_records(found, "CCB1824A36F")
    assert trace.message_id == ""
    assert {stage.queue_id for stage in trace.stages} == {"", "CCB1824A36F", "CFBB324A370"}
    assert trace.recipients == ("user1@example1.jp", "user2@example2.jp")
    submitted = trace.stages[1]
    assert submitted.kind is StageKind.SUBMITTED_AUTH
    assert submitted.facts == {"user": "user1"}
    last = trace.stages[-1]
    assert (last.host, last.facts) == ("host2", {"user": "user2", "protocol": "POP3"})
