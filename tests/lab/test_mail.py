"""The mail test and the mail logs on the real lab, whole and broken in one way at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from labctl.mailtest.conversation import run_mail_test
from labctl.mailtest.logs import (
    Journal,
    LogFile,
    follow_lines,
    mark_log,
    newest_lines,
    records_since,
)
from labctl.mailtest.trace import trace_message
from labctl.report.wording import explanation_of
from labctl.results import Delivery, MailTestResult
from provision.step import Target
from tests.lab.program import labctl

Targets = Mapping[str, Target]

# A student's box: one message read before, one still new, a line that only looks like a start.
STUDENTS_BOX = """\
From teacher@example1.jp  Tue Nov 24 10:00:00 2026
Return-Path: <teacher@example1.jp>
Subject: read before
Status: RO

From the first line on this is text.
>From here too.

From teacher@example1.jp  Tue Nov 24 11:00:00 2026
Subject: still new

Nobody has read this.

"""


def by_way(result: MailTestResult) -> dict[tuple[str, str], Delivery]:
    """The deliveries by kind and sender's account."""
    return {(d.kind, d.sender.split("@", maxsplit=1)[0]): d for d in result.deliveries}


def leftovers(target: Target) -> str:
    """Everything of any mail test that is still on a host."""
    places = ["/var/mail", "/home", "/var/spool/postfix/maildrop", "/var/spool/postfix/deferred"]
    places += ["/var/spool/postfix/active", "/var/spool/postfix/incoming"]
    found = target.remote.run(["grep", "-rlsF", "labctl.", *places], check=False).stdout
    kept = target.remote.run(["find", "/var/tmp", "-maxdepth", "1", "-name", "labctl-mailtest*"])
    return found + kept.stdout


@contextmanager
def broken(target: Target, how: str, mend: str) -> Iterator[None]:
    """The host broken by one shell line, and mended by the other whatever happens."""
    target.remote.script(how)
    try:
        yield
    finally:
        target.remote.script(mend)


@pytest.fixture(autouse=True)
def nothing_stays(targets: Targets) -> Iterator[None]:
    yield
    assert {name: leftovers(target) for name, target in targets.items()} == dict.fromkeys(
        targets, ""
    )


def test_both_write_read_and_answer(targets: Targets) -> None:
    result = run_mail_test(targets)
    assert result.ok
    ways = by_way(result)
    assert set(ways) == {
        (kind, user) for kind in ("message", "local", "answer") for user in ("user1", "user2")
    }
    sent = ways["message", "user1"]
    assert sent.subject == "Test mail from user1"
    assert (sent.sender, sent.recipient) == ("user1@example1.jp", "user2@example2.jp")
    assert [hop.host for hop in sent.hops] == ["host1", "host2"]
    first, second = sent.hops
    assert first.relay.startswith("mail.example2.jp[192.168.56.102]")
    assert (second.relay, second.detail) == ("local", "delivered to mailbox")
    assert 0 < sent.seconds < 30
    assert [hop.host for hop in ways["answer", "user1"].hops] == ["host1", "host2"]
    assert [hop.host for hop in ways["local", "user2"].hops] == ["host2"]
    assert all(delivery.cause == "" for delivery in result.deliveries)


def test_a_students_mail_survives_byte_for_byte(targets: Targets) -> None:
    remote = targets["host1"].remote
    state = ["sh", "-c", "cd /var/mail && md5sum user1 && stat -c '%y %a %U %G %i' user1"]
    aside = "mv /var/mail/user1 /var/mail/user1.aside 2>/dev/null || :"
    back = "rm -f /var/mail/user1; mv /var/mail/user1.aside /var/mail/user1 2>/dev/null || :"
    with broken(targets["host1"], aside, back):
        remote.run(["tee", "/var/mail/user1"], stdin=STUDENTS_BOX)
        remote.script("chown user1:mail /var/mail/user1; chmod 600 /var/mail/user1")
        before = remote.run(state).stdout
        assert run_mail_test(targets).ok
        assert remote.run(state).stdout == before


def test_a_box_that_was_not_there_is_not_there_afterwards(targets: Targets) -> None:
    remote = targets["host2"].remote
    aside = "mv /var/mail/user2 /var/mail/user2.aside 2>/dev/null || :"
    back = "mv /var/mail/user2.aside /var/mail/user2 2>/dev/null || :"
    with broken(targets["host2"], aside, back):
        assert run_mail_test(targets).ok
        assert not remote.run(["test", "-e", "/var/mail/user2"], check=False).ok
        assert not remote.run(["test", "-e", "/home/user2/mbox"], check=False).ok


def test_mail_that_comes_meanwhile_stays(targets: Targets) -> None:
    remote = targets["host2"].remote
    with broken(
        targets["host2"],
        "cp -p /var/mail/user2 /root/box 2>/dev/null || :",
        "rm -f /var/mail/user2; mv /root/box /var/mail/user2 2>/dev/null || :",
    ):
        remote.run(["tee", "/var/mail/user2"], stdin=STUDENTS_BOX)
        remote.script("chown user2:mail /var/mail/user2; chmod 600 /var/mail/user2")
        said: list[str] = []

        def write_once(_host: str, _what: str) -> None:
            if not said:
                said.append("x")
                targets["host1"].remote.run(
                    ["sh", "-c", "printf 'Subject: meanwhile\n\nhi\n' | sendmail user2@example2.jp"]
                )

        # The first progress comes from host1's own thread, so its connection is free.
        assert run_mail_test(targets, progress=write_once).ok
        box = remote.run(["cat", "/var/mail/user2"]).stdout
        assert box.startswith(STUDENTS_BOX)
        assert box.count("Subject: meanwhile") == 1
        assert "labctl." not in box


CONFIG = "cp -p /etc/postfix/main.cf /root/main.cf"
UNCONFIG = "mv /root/main.cf /etc/postfix/main.cf; postfix reload"
# What breaks host2, what mends it, and which ways then fail with which cause.
BREAKAGES = {
    "postfix-stopped": (
        "systemctl stop postfix",
        "systemctl start postfix",
        {
            ("message", "user1"): "does Postfix run and listen there",
            ("message", "user2"): "Postfix does not run on the sending host",
            ("local", "user2"): "Postfix does not run on the sending host",
        },
    ),
    "no-mail-command": (
        "mv /usr/bin/mail /usr/bin/mail.off",
        "mv /usr/bin/mail.off /usr/bin/mail",
        {
            ("message", "user1"): "no mail command",
            ("message", "user2"): "no mail command",
            ("local", "user2"): "no mail command",
        },
    ),
    "mydestination-wrong": (
        f"{CONFIG}; postconf -e 'mydestination = localhost'; postfix reload",
        UNCONFIG,
        {
            ("message", "user1"): "mydestination",
            ("local", "user2"): "see mydestination",
            ("answer", "user1"): "mydestination",
        },
    ),
    "dns-stopped": (
        "systemctl stop named",
        "systemctl start named",
        {
            ("message", "user1"): "does the lab's DNS answer",
            ("message", "user2"): "does the lab's DNS answer",
        },
    ),
    "sender-address-wrong": (
        # Book's letter without myorigin: the answer goes to a name that no MX knows.
        "cp -p /etc/mailutils.conf /root/ 2>/dev/null || :; cp -p /etc/mailname /root/mailname"
        f"; {CONFIG}; echo nowhere.example2.jp >/etc/mailname"
        "; printf 'address { email-domain nowhere.example2.jp; };\\n' >/etc/mailutils.conf",
        "mv /root/mailname /etc/mailname; rm -f /etc/mailutils.conf"
        f"; mv /root/mailutils.conf /etc/ 2>/dev/null || :; {UNCONFIG}",
        {("answer", "user1"): "does the lab's DNS answer"},
    ),
    "maildir-in-the-profile": (
        "echo 'MAIL=$HOME/Maildir; export MAIL' >>/home/user2/.profile",
        "sed -i '$d' /home/user2/.profile",
        {
            ("message", "user1"): "not shown as it was sent",
            ("local", "user2"): "not shown as it was sent",
            ("answer", "user1"): "not shown as it was sent",
        },
    ),
    "box-of-another": (
        "touch /var/mail/user2; chown root:root /var/mail/user2; chmod 600 /var/mail/user2",
        "chown user2:mail /var/mail/user2; [ -s /var/mail/user2 ] || rm /var/mail/user2",
        {
            ("message", "user1"): "lacks permission to write",
            ("local", "user2"): "lacks permission to write",
            ("answer", "user1"): "lacks permission to write",
        },
    ),
}


@pytest.mark.parametrize("case", BREAKAGES)
def test_a_broken_host_is_explained_quickly(targets: Targets, case: str) -> None:
    how, mend, causes = BREAKAGES[case]
    with broken(targets["host2"], how, mend):
        # What host1 remembers of the other zone would still be used for a few seconds.
        targets["host1"].remote.run(["rndc", "flush"])
        result = run_mail_test(targets, timeout=60)
    failed = {way: d for way, d in by_way(result).items() if not d.ok}
    assert set(failed) == set(causes)
    for way, cause in causes.items():
        assert cause in explanation_of(failed[way])[0]
    # A refusal is known at once; only a message that silently vanishes takes the whole time.
    assert result.seconds < 60
    assert run_mail_test(targets).ok


def test_logs_of_both_hosts_in_one_stream(targets: Targets) -> None:
    assert run_mail_test(targets).ok
    lines = newest_lines(targets, 50)
    assert {line.host for line in lines} == {"host1", "host2"}
    assert [line.time for line in lines] == sorted(line.time for line in lines)
    assert any(line.text.startswith("local[") for line in lines)


def test_new_lines_come_as_they_are_written(targets: Targets) -> None:
    backlog = len(newest_lines(targets, 3))
    stream = follow_lines(targets, 3)
    assert len(list(islice(stream, backlog))) == backlog
    for name, target in targets.items():
        target.remote.run(["logger", "-p", "mail.info", "-t", "postfix/test[1]", f"from {name}"])
    new = list(islice(stream, 2))
    assert {(line.host, line.text) for line in new} == {
        ("host1", "test[1]: from host1"),
        ("host2", "test[1]: from host2"),
    }


def test_a_log_rotated_during_the_test_is_read_whole(targets: Targets) -> None:
    target = targets["host1"]
    write = ["logger", "-p", "mail.info", "-t", "postfix/test[1]"]
    target.remote.run([*write, "before"])
    mark = mark_log(target)
    assert [type(place) for place in mark.places] == [LogFile], "rsyslog runs on the lab's hosts"
    target.remote.run([*write, "in the old file"])
    target.remote.script(
        "until grep -q 'in the old file' /var/log/mail.log; do sleep 0.05; done; "
        "mv /var/log/mail.log /var/log/mail.log.1; systemctl kill -s HUP rsyslog"
    )
    target.remote.run([*write, "in the new file"])
    target.remote.script("until grep -qs 'new file' /var/log/mail.log; do sleep 0.05; done")
    said = [record.text for record in records_since(target, mark) if record.program == "test"]
    assert said == ["in the old file", "in the new file"]


def test_without_rsyslog_the_journal_tells_the_way(targets: Targets) -> None:
    stop = "systemctl stop rsyslog syslog.socket"
    with broken(targets["host1"], stop, "systemctl start rsyslog"):
        places = mark_log(targets["host1"]).places
        assert [type(place) for place in places] == [Journal]
        result = run_mail_test(targets)
        assert newest_lines({"host1": targets["host1"]}, 5)
    assert result.ok
    assert [hop.host for hop in by_way(result)["message", "user1"].hops] == ["host1", "host2"]


def test_postfixs_own_log_file_tells_the_way(targets: Targets) -> None:
    there = "/var/log/postfix.log"
    begin = f"postconf -e maillog_file={there}; postfix stop; postfix start"
    end = f"postfix stop; postconf -X maillog_file; rm {there}; systemctl restart postfix"
    with broken(targets["host1"], begin, end):
        places = mark_log(targets["host1"]).places
        assert [getattr(place, "path", "") for place in places] == [there, "/var/log/mail.log"]
        result = run_mail_test(targets)
    assert result.ok
    assert [hop.host for hop in by_way(result)["message", "user1"].hops] == ["host1", "host2"]


def test_the_last_messages_way_is_traced(targets: Targets) -> None:
    result = run_mail_test(targets)
    sent = by_way(result)["message", "user1"]
    trace = trace_message(targets, sent.message_id)
    assert [stage.role for stage in trace.stages][:4] == ["MUA", "MTA", "MTA", "DNS"]
    assert [stage.host for stage in trace.stages if stage.role == "MDA"] == ["host2"]
    assert trace.settled and trace.recipients == ("user2@example2.jp",)
    assert trace_message(targets, sent.hops[1].queue_id) == trace
    assert trace_message(targets, "last").message_id in {d.message_id for d in result.deliveries}


def test_the_trace_command(targets: Targets) -> None:
    assert run_mail_test(targets).ok
    told = labctl("trace").out
    assert "local delivery" in told and "name resolution" in told
    assert labctl("trace", "--json").json["settled"] is True
    assert "no mail log names" in labctl("trace", "0000000000A", code=2).err


def test_the_dialogue_off_the_wire(targets: Targets, tmp_path: Path) -> None:
    file = tmp_path / "smtp.pcap"
    data = labctl("trace", "--pcap", str(file), "--json").json
    told = [(line["speaker"], line["text"]) for line in data["transcript"]]
    assert ("host1", "This is test mail from user1") in told
    assert told[0] == ("host2", "220 mail.example2.jp ESMTP Postfix")
    queued = next(text for speaker, text in told if "queued as" in text)
    assert queued.rsplit(maxsplit=1)[-1] in {stage["queue_id"] for stage in data["stages"]}
    assert data["settled"]
    assert file.stat().st_size > 1000
    assert "C: EHLO mail.example1.jp" in labctl("trace", "--transcript").out
    assert labctl("trace", "--transcript", "0000000000A", code=2).err
