"""A report of recorded messages, without a lab."""

from datetime import UTC, datetime

from labctl.lab import load_lab
from labctl.mailtest.explain import FailureCause
from labctl.mailtest.trace import trace_records
from labctl.report.diagram import sequence_of
from labctl.report.facts import Deviation, Facts, Way
from labctl.results import Delivery, Finding, MailTestResult, StepReport, Trial
from tests.unit.mailtest.recorded import records

RECORDS = records("postfix-3.7.log", "postfix-3.7-receiver.log")
NASTY = "<script>alert(1)</script> & \"quoted\" 'x'"


def facts() -> Facts:
    """Messages sent, deferred and bounced, a failed check, and text that looks like HTML."""
    ways = []
    for queue_id, ok in (("712A6228717", True), ("A563F228A92", False), ("ECE25228719", False)):
        trace = trace_records(RECORDS, queue_id)
        delivery = Delivery(
            kind="message",
            sender="user2@example2.jp",
            recipient="user1@example1.jp",
            subject=NASTY,
            message_id=trace.message_id,
            arrived=ok,
            read=ok,
            seconds=0.5,
            cause="" if ok else FailureCause.LATE,
            evidence=() if ok else (NASTY,),
        )
        ways.append(Way(delivery, sequence_of(trace)))
    trial = Trial("client.dns", "host1", "a lookup", False, "192.168.56.101", "NXDOMAIN", 0.01)
    deliveries = tuple(way.delivery for way in ways)
    test = MailTestResult("2026-11-25T01:00:00+00:00", 2.5, deliveries, (trial,))
    finding = Finding("x", False, "mydestination", found="localhost", expected="$mydomain")
    return Facts(
        lab=load_lab("class-a"),
        made=datetime(2026, 11, 25, 1, 30, tzinfo=UTC),
        labctl_version="0.2.0",
        test=test,
        ways=tuple(ways),
        checks=(
            StepReport("postfix", "main.cfの設定", "host1", 0.1, findings=(finding,)),
            StepReport("dovecot", "Dovecotの設定", "host1", 0.0, blocked_by="postfix"),
            StepReport("dns", "DNS", "host2", 0.1),
        ),
        versions={"host1": {"postfix": "3.7.11"}, "host2": {"postfix": "3.7.11"}},
        deviations=(Deviation("/etc/postfix/main.cf", "senders are user@$mydomain"),),
    )
