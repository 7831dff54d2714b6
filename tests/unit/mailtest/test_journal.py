"""The mail log of a host without a syslog daemon is read from the journal, each line once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from labctl.mailtest.logs import follow_lines, mark_log, newest_lines, records_since
from tests.unit.mailtest.pair import Pair

MAIL = ("journalctl", "--quiet", "--output", "short-iso-precise", "SYSLOG_FACILITY=2")


def line(text: str) -> str:
    return f"{datetime.now(UTC).isoformat()} mail postfix/qmgr[7]: {text}\n"


def host_with(says: Mapping[tuple[str, ...], str], cursor: str = "s=1;i=2") -> Pair:
    """A host whose log is the journal, which answers to these options."""
    pair = Pair()
    pair.one.fake.says(
        "log-places.sh", stdout=f"{datetime.now(UTC).isoformat()}\njournal {cursor}\n"
    )
    for options, stdout in says.items():
        pair.one.fake.says(*MAIL, *options, stdout=stdout)
    return pair


def test_what_was_logged_since_a_mark() -> None:
    target = host_with({("--after-cursor=s=1;i=2",): line("new")}).one.target
    (record,) = records_since(target, mark_log(target))
    assert (record.host, record.program, record.text) == ("host1", "qmgr", "new")


def test_a_journal_that_had_no_mail_is_read_from_its_beginning() -> None:
    pair = host_with({(): line("first")}, cursor="")
    (record,) = records_since(pair.one.target, mark_log(pair.one.target))
    assert record.text == "first"
    assert pair.one.fake.ran[-1].words == MAIL


@pytest.mark.parametrize("count", [5, 20])
def test_the_newest_lines_are_as_many_as_were_asked_for(count: int) -> None:
    newest = ("--show-cursor", "--lines", str(count))
    pair = host_with({newest: line("one") + line("two") + "-- cursor: s=1;i=9\n"})
    found = newest_lines({"host1": pair.one.target}, count)
    assert [each.text for each in found] == ["qmgr[7]: one", "qmgr[7]: two"]


@pytest.mark.parametrize(
    ("behind", "after"), [("-- cursor: s=1;i=9\n", "s=1;i=9"), ("", "s=1;i=2")]
)
def test_new_lines_follow_on_the_newest_ones(behind: str, after: str) -> None:
    """A journal without a line of the mail system prints no cursor."""
    newest = ("--show-cursor", "--lines", "5")
    following = ("--follow", "--no-tail", f"--after-cursor={after}")
    pair = host_with({newest: line("old") + behind, following: line("new")})
    found = follow_lines({"host1": pair.one.target}, 5)
    assert [each.text for each in found] == ["qmgr[7]: old", "qmgr[7]: new"]
