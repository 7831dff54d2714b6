"""The log lines of several hosts are merged in the order of their time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from labctl.mailtest.logs import LogLine, merge

START = datetime(2026, 11, 25, tzinfo=UTC)
SECONDS = st.lists(st.integers(0, 1000)).map(sorted)


def written(host: str, seconds: list[int]) -> list[LogLine]:
    return [
        LogLine(host, START + timedelta(seconds=second), f"line {number}")
        for number, second in enumerate(seconds)
    ]


@given(SECONDS, SECONDS)
def test_merged_lines_are_in_order_and_complete(one: list[int], two: list[int]) -> None:
    first, second = written("host1", one), written("host2", two)
    merged = list(merge([first, second]))
    assert [line.time for line in merged] == sorted(line.time for line in merged)
    assert [line for line in merged if line.host == "host1"] == first
    assert [line for line in merged if line.host == "host2"] == second
