"""Each host's clock is corrected by what it showed when the log was read."""

from datetime import UTC, datetime, timedelta

import pytest

from labctl.mailtest.logs import mark_log, newest_records
from tests.fakes.host import Reply
from tests.unit.mailtest.pair import Pair


@pytest.mark.parametrize("hours", [9, -9, 0])
def test_a_line_written_now_has_labctls_time(hours: int) -> None:
    pair, wrong = Pair(), timedelta(hours=hours)

    def clock() -> str:
        return (datetime.now(UTC) + wrong).isoformat()

    pair.one.fake.when(
        "log-places.sh", answer=lambda _ran: Reply(f"{clock()}\nfile 1 0 /var/log/mail.log\n")
    )
    pair.one.fake.when(
        "log-newest.sh",
        answer=lambda _ran: Reply(f"{clock()} host1 postfix/qmgr[7]: x\n-- place: 1 9\n"),
    )
    ahead = mark_log(pair.one.target).ahead
    assert abs(ahead - wrong) < timedelta(seconds=5)
    (record,) = newest_records({"host1": pair.one.target}, 1)
    assert abs(record.time - datetime.now(UTC)) < timedelta(seconds=5)
    assert record.host == "host1"
