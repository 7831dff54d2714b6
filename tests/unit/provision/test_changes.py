"""What the scripts of the steps report is a change that labctl knows, or a failure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import provision
from labctl.errors import CommandFailed, LabError
from labctl.results import Change, ChangeKind
from provision.changes import parse_changes
from provision.failures import FailureKind, failure_of

SCRIPTS = sorted((Path(provision.__file__).parent / "scripts").glob("*.sh"))
# A call, not a definition: the kind is a plain word.
CHANGED = re.compile(r"^[^#\n]*\bchanged ([a-z-]+) ", re.MULTILINE)
FAILED = re.compile(r"^[^#\n]*\bfail ([a-z-]+) ", re.MULTILINE)


def kinds(pattern: re.Pattern[str]) -> set[str]:
    """The kinds that all scripts together report."""
    texts = (path.read_text("utf-8") for path in SCRIPTS if path.name != "change.sh")
    return {kind for text in texts for kind in pattern.findall(text)}


def test_every_change_that_a_script_reports_is_known_and_none_is_unused() -> None:
    by_python = {ChangeKind.INSTALLED}
    assert kinds(CHANGED) | by_python == set(ChangeKind)


def test_every_failure_that_a_script_reports_is_known_and_none_is_unused() -> None:
    by_must = {FailureKind.RUN}
    assert kinds(FAILED) | by_must == set(FailureKind)


def test_changes_are_read_in_order() -> None:
    assert parse_changes("changed\tenabled\tnamed\nchanged\tset-owner\t/var/mail\n") == [
        Change(ChangeKind.ENABLED, "named"),
        Change(ChangeKind.SET_OWNER, "/var/mail"),
    ]
    assert parse_changes("") == []


@pytest.mark.parametrize("line", ["changed\tpolished\tnamed", "enabled named", "changed\twrote"])
def test_a_line_that_is_no_known_change_is_refused(line: str) -> None:
    with pytest.raises(LabError) as caught:
        parse_changes(f"changed\tenabled\tnamed\n{line}\n")
    assert caught.value.cause == line


def failed(output: str) -> LabError:
    return failure_of(CommandFailed("sh step.sh", 1, output, where="host1"), "host1")


def test_a_unit_that_does_not_start_is_told_with_its_own_words() -> None:
    error = failed(
        "changed\tenabled\tnamed\nfailed\tstart\tnamed\n"
        "because\t/etc/bind/named.conf.options:17: missing ';' before '}'\n"
    )
    assert error.message == "named cannot be started on host1"
    assert error.cause == "/etc/bind/named.conf.options:17: missing ';' before '}'"
    assert ("labctl", "ssh", "host1", "--", "sudo", "journalctl", "-u", "named") in (
        error.hint.commands
    )


def test_a_mirror_that_cannot_be_reached_is_told_with_apts_lines() -> None:
    error = failed("failed\treach-mirror\tbind9\nbecause\tE: Could not resolve 'deb.example'\n")
    assert error.message == "host1 cannot reach its package mirror"
    assert error.cause == "E: Could not resolve 'deb.example'"
    assert error.hint.commands[0] == ("labctl", "net", "open")


def test_a_wrong_clock_is_no_mirror_that_cannot_be_reached() -> None:
    error = failed(
        "failed\treach-mirror\tbind9\nbecause\tE: Release file for http://deb.example/InRelease is "
        "not valid yet (invalid for another 3h 2min 1s).\n"
    )
    assert error.message == "the clock of host1 does not fit its package mirror"
    assert error.hint.commands == (("labctl", "down"), ("labctl", "up"))


@pytest.mark.parametrize(
    "output",
    [
        "failed\trun\tnewaliases\nbecause\tpostalias: fatal: No space left on device\n",
        "changed\tmade\t/home/user1\ncp: /etc/skel: No space left on device\n",
    ],
)
def test_a_full_disk_is_named_whatever_failed(output: str) -> None:
    assert failed(output).hint.text == "the disk is full: free some space"


def test_any_other_failure_is_told_by_the_last_lines_of_the_output() -> None:
    error = failed("changed\tmade\t/home/user1\nusermod: user user1 is currently used\n")
    assert error.message == "sh step.sh failed on host1"
    assert error.cause == "usermod: user user1 is currently used"
