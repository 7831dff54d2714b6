"""`labctl logs -f` shows the newest lines and every later one, each once."""

from itertools import islice

import pytest

from labctl.errors import CommandFailed
from labctl.mailtest.logs import follow_lines, mark_log, newest_lines, records_since
from tests.fakes.host import Ran, Reply
from tests.unit.mailtest.pair import Pair


def test_no_line_is_shown_twice_or_cut() -> None:
    pair = Pair()
    host = pair.one
    host.write("qmgr", "old")

    def newest(_ran: Ran) -> Reply:
        size = len("".join(host.log))
        reply = Reply("".join(host.log) + f"-- place: 4711 {size}\n")
        # What is written between the two commands belongs to the second.
        host.write("qmgr", "new")
        return reply

    def tail(ran: Ran) -> Reply:
        start = int(ran.words[ran.words.index("--bytes") + 1])
        return Reply("".join(host.log)[start - 1 :])

    host.fake.when("log-newest.sh", answer=newest)
    host.fake.when("tail", answer=tail)
    lines = [line.text for line in islice(follow_lines({"host1": host.target}, 10), 5)]
    assert lines == ["qmgr[7]: old", "qmgr[7]: new"]


def journal_of(pair: Pair, reply: Reply) -> None:
    """The hosts log to the journal, which has no line of the mail system yet."""
    for host in pair.hosts.values():
        host.fake.says("log-places.sh", stdout="2026-11-27T18:00:00+00:00\njournal \n")
        host.fake.when("journalctl", answer=lambda _ran: reply)


def test_a_host_without_any_mail_has_no_lines() -> None:
    pair = Pair()
    # This is how the real journalctl ends if no line matches.
    journal_of(pair, Reply(status=1))
    assert newest_lines(pair.targets, 10) == ()
    assert records_since(pair.one.target, mark_log(pair.one.target)) == ()


def test_a_journal_that_cannot_be_read_is_an_error() -> None:
    pair = Pair()
    journal_of(pair, Reply(stderr="Failed to open the journal\n", status=1))
    with pytest.raises(CommandFailed, match="journalctl"):
        newest_lines(pair.targets, 10)
