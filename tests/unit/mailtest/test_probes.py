"""Lines of gradings are told apart from those of the person at work, also in the same second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from labctl.mailtest.logs import LogLine
from labctl.mailtest.probes import told_apart

ADDRESSES = frozenset({"192.168.56.101", "192.168.56.102"})
BEGIN = "labctl: grading begins: labctl connects to the servers until 'grading ends'"
END = "labctl[77]: grading ends"
ME, MACHINE = "host1.example1.jp[192.168.56.101]", "unknown[192.168.56.1]"


def log(*texts: str, host: str = "host1", step: float = 0.1) -> list[LogLine]:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        LogLine(host, begin + timedelta(seconds=step * n), text) for n, text in enumerate(texts)
    ]


def probes(lines: Sequence[LogLine]) -> list[str]:
    return [line.text for line in told_apart(lines, ADDRESSES) if line.probe]


def own(lines: Sequence[LogLine]) -> list[str]:
    return [line.text for line in told_apart(lines, ADDRESSES) if not line.probe]


def test_without_a_grading_every_line_is_somebodys_own() -> None:
    lines = log(f"smtpd[1]: connect from {MACHINE}", f"smtpd[1]: disconnect from {MACHINE} quit=1")
    assert own(lines) == [line.text for line in lines]


def test_what_a_grading_causes_is_marked() -> None:
    lines = log(
        BEGIN,
        f"smtpd[1]: connect from {MACHINE}",
        f"smtpd[2]: connect from {ME}",
        f"smtpd[1]: reject: RCPT from {MACHINE}: 454 4.7.1 <a@b>: Relay access denied",
        "smtpd[2]: warning: SASL authentication failure: Password verification failed",
        f"smtpd[1]: disconnect from {MACHINE} ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4",
        f"smtpd[2]: lost connection after AUTH from {ME}",
        f"smtpd[2]: disconnect from {ME} ehlo=1 auth=0/1 commands=1/2",
        "dovecot: imap-login: Login: user=<user1>, method=PLAIN, rip=192.168.56.1, "
        "lip=192.168.56.101, mpid=9, session=<abc/DqDgB>",
        "dovecot: imap(user1)<9><abc/DqDgB>: Disconnected: Logged out in=33 out=759",
        "postsuper[5]: Deleted: 0 messages",
        END,
    )
    assert own(lines) == []


def test_a_student_who_works_during_a_grading_keeps_the_own_lines() -> None:
    student = [
        f"smtpd[3]: connect from {ME}",
        f"smtpd[3]: disconnect from {ME} ehlo=1 mail=1 quit=1 commands=3",
        "pickup[4]: 4ABCDEF01: uid=1001 from=<user1>",
        "dovecot: imap-login: Login: user=<user1>, method=PLAIN, rip=192.168.56.101, "
        "lip=192.168.56.101, mpid=9, session=<mine>",
        "dovecot: imap(user1)<9><mine>: Disconnected: Logged out in=33 out=759",
        f"smtpd[6]: connect from {ME}",
        f"smtpd[6]: 4ABCDEF02: client={ME}",
        f"smtpd[6]: lost connection after DATA from {ME}",
        f"smtpd[6]: disconnect from {ME} ehlo=1 mail=1 rcpt=1 data=1 commands=4",
    ]
    assert own(log(BEGIN, *student, END)) == student


def test_a_session_that_outlasts_the_grading_is_somebodys_own() -> None:
    lines = log(BEGIN, f"smtpd[3]: connect from {ME}", END, f"smtpd[3]: lost connection from {ME}")
    assert own(lines) == [lines[1].text, lines[3].text]


def test_a_grading_without_an_end_is_over_after_a_while() -> None:
    late = [f"smtpd[1]: connect from {MACHINE}", f"smtpd[1]: disconnect from {MACHINE}"]
    assert own(log(BEGIN, *late, step=121)) == late


def test_each_host_has_its_own_gradings() -> None:
    first = log(BEGIN, f"smtpd[1]: connect from {MACHINE}")
    other = log("x", f"smtpd[1]: connect from {MACHINE}", host="host2")
    marked = [(line.host, line.probe) for line in told_apart([*first, *other], ADDRESSES)]
    assert marked == [("host1", True), ("host1", True), ("host2", False), ("host2", False)]
