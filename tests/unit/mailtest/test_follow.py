"""`labctl logs -f` shows the newest lines and every later one, each once."""

from itertools import islice

from labctl.mailtest.logs import follow_lines
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
