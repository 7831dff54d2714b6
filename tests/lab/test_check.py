"""`labctl check` as an instructor uses it: a correct lab, one mistake, and result files."""

from __future__ import annotations

import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from provision.steps import book_steps
from tests.books import LAB
from tests.lab.program import labctl, on_host, on_screen


def test_a_whole_lab_is_all_right(ready: str, tmp_path: Path) -> None:
    report = tmp_path / "check.xml"
    ended = labctl("check", "--junit", str(report))
    assert ended.out.count("✓ host1") == ended.out.count("✓ host2") == len(book_steps(LAB))
    suite = ElementTree.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures")) == (str(2 * len(book_steps(LAB))), "0")


# All files except logs and login records, files that exist only until the next boot, and the
# servers' own files: Dovecot's mailbox index, saslauthd's cache, Postfix's locks.
_FILES = r"""
find / -xdev \( -path /dev -o -path /proc -o -path /run -o -path /sys -o -path /tmp \
    -o -path /var/log -o -path /home/\*/mail/.imap -o -path \*/saslauthd/cache.mmap \
    -o -path /var/spool/postfix/pid \) -prune \
  -o ! -type d -printf '%p %m %u %g %s %T@\n' | sort
"""


def test_a_check_leaves_every_file_as_it_was_and_no_message(ready: str) -> None:
    # One host has mail but no mail program has ever run; the other host has neither.
    on_host("host1", "echo old | mail -s old user1@example1.jp")
    on_host("host1", "until [ -s /var/mail/user1 ]; do sleep 0.1; done")
    before = {host: on_host(host, _FILES).out for host in ("host1", "host2")}
    labctl("check")
    assert {host: on_host(host, _FILES).out for host in before} == before
    assert before["host1"].count("/var/mail/") == 1 and "/var/mail/" not in before["host2"]
    assert "to=<user2@example2.jp>" in on_host("host2", "grep status=sent /var/log/mail.log").out
    assert "nothing differs" in labctl("diff").out


def test_a_message_that_a_firewall_kept_back_does_not_arrive_when_it_is_opened(ready: str) -> None:
    rule = "deny from 192.168.56.102 to any port 25 proto tcp"
    on_host("host1", f"ufw insert 1 {rule}")
    labctl("check", code=1)
    on_host("host1", f"ufw delete {rule}")
    # A packet that was lost is sent again after 1, 3, 7 and 15 seconds (RFC 6298).
    labctl("check")
    time.sleep(16)
    assert "labctl." not in on_host("host1", "cat /var/mail/user1 2>/dev/null || :").out
    assert (
        on_host("host2", "find /var/spool/postfix/def* /var/spool/postfix/active -type f").out == ""
    )


def test_one_wrong_thing_is_one_failure_with_a_hint_and_on_wish_its_line(ready: str) -> None:
    on_host("host2", "postconf -e mydestination=example1.jp; systemctl restart postfix")
    told = labctl("check", "--errors-only", code=1).out
    assert "mydestination" in told
    assert "✗ host2" in told and "✗ host1" not in told
    assert "not checked yet: postfix comes first" in told
    assert "mydestination = $mydomain" not in told
    assert "mydestination = $mydomain" in labctl("check", "postfix", "--solution", code=1).out
    labctl("check", "--host", "host1")
    assert labctl("check", "dns", "aliases").out.count("✓ host2") == 2


# What stops mail without a wrong setting, and the code of the one finding.
_STOPPED = {
    "accounts.mbox": "printf 'From a@example1.jp  Fri Nov 27 01:00:00 2026\\n\\nbye\\n' "
    ">/var/mail/user1; chown user1:mail /var/mail/user1; chmod 600 /var/mail/user1",
    "dns.frozen": "pkill -STOP -x named",
    "dns.tcp": "systemctl stop named; "
    "setsid busybox nc -ll -p 53 -e /bin/cat </dev/null >/dev/null 2>&1 & "
    "until ss -ltnH 'sport = :53' | grep -q .; do sleep 0.1; done; systemctl start named",
    "dovecot.frozen": "pkill -STOP -x dovecot",
    "postfix.frozen": "pkill -STOP -x master",
    "smtp-auth.saslauthd": "pkill -STOP -x saslauthd",
    "mail-command.login": "echo 'while :; do sleep 1; done' >>/home/user1/.profile",
}


@pytest.mark.parametrize("code", _STOPPED)
def test_what_the_check_offers_as_a_solution_mends_what_it_found(
    ready_once: str, code: str
) -> None:
    on_host("host1", _STOPPED[code])
    wrong = labctl("check", "--json", code=1).wrong
    assert [each["code"] for each in wrong] == [code], wrong
    on_host("host1", wrong[0]["solution"])
    labctl("check")


def test_a_prepared_class_is_wrong_only_where_it_has_not_begun(ready: str) -> None:
    labctl("reset", "--to", "packages", "--yes")
    ended = labctl("check", "--json", code=1)
    outcomes = {(r["host"], r["step"]): r["outcome"] for r in ended.json["reports"]}
    assert outcomes["host1", "dns"] == outcomes["host1", "packages"] == "ok"
    assert outcomes["host1", "postfix"] == outcomes["host1", "accounts"] == "failed"
    assert outcomes["host1", "smtp-auth"] == "blocked"


def test_watching_sees_what_changes_and_ends_with_ctrl_c(ready: str) -> None:
    with on_screen("check", "aliases", "--watch") as screen:
        screen.shows("all 2 are right")
        on_host("host1", "rm /etc/aliases.db")
        assert "newer than the text" in screen.shows("1 right, 1 wrong")
        on_host("host1", "newaliases")
        screen.shows("all 2 are right")
        assert screen.interrupted() == 0


def test_unknown_words_and_a_lab_that_is_down(ready: str) -> None:
    assert "mail-command" in labctl("check", "nothing", code=2).err
    assert "host1, host2" in labctl("check", "--host", "host9", code=2).err
    assert "extras" in labctl("check", "thunderbird", code=2).err
    labctl("down")
    assert "labctl up" in labctl("check", code=4).err
