"""The path of a message becomes lanes and arrows that never cross a text."""

import pytest

from labctl.mailtest.postfixevents import Identified
from labctl.mailtest.trace import trace_records
from labctl.report.diagram import sequence_of
from tests.unit.mailtest.recorded import records
from tests.unit.report.sample import RECORDS

EVERY = sorted({r.queue_id for r in RECORDS if isinstance(r.event, Identified)})


def test_writer_servers_and_box_stand_in_the_order_of_the_way() -> None:
    diagram = sequence_of(trace_records(RECORDS, "712A6228717"))
    assert [(lane.role, lane.name) for lane in diagram.lanes] == [
        ("MUA", "user2@example2.jp"),
        ("MTA", "host2"),
        ("MTA", "host1"),
        ("MDA", "host1"),
    ]


def test_arrows_go_forth_and_the_servers_answer_comes_back() -> None:
    diagram = sequence_of(trace_records(RECORDS, "712A6228717"))
    writer, sender, receiver, box = (lane.x for lane in diagram.lanes)
    arrows = [(row.start, row.end, row.is_answer) for row in diagram.rows if row.start != row.end]
    assert sorted(arrows) == sorted(
        [
            (writer, sender, False),
            (sender, receiver, False),
            (receiver, box, False),
            (receiver, sender, True),
        ]
    )


def test_a_reader_who_fetches_gets_a_lane_of_their_own() -> None:
    trace = trace_records(records("smtp-auth-without-id.log"), "CCB1824A36F")
    diagram = sequence_of(trace)
    assert [lane.name for lane in diagram.lanes if lane.role == "MUA"] == [
        "user1@example1.jp",
        "user2@example2.jp",
    ]
    assert diagram.rows[-1].end == diagram.lanes[-1].x


@pytest.mark.parametrize("queue_id", EVERY)
def test_every_recorded_message_is_drawn_inside_its_picture(queue_id: str) -> None:
    diagram = sequence_of(trace_records(RECORDS, queue_id))
    xs = [lane.x for lane in diagram.lanes]
    assert xs == sorted(set(xs))
    assert min(xs) > 66 and max(xs) < diagram.text_x
    ys = [row.y for row in diagram.rows]
    assert ys == sorted(set(ys)) and ys[-1] + 17 * len(diagram.rows[-1].lines) <= diagram.height


def test_a_bounce_and_a_deferral_are_marked() -> None:
    for queue_id in ("ECE25228719", "A563F228A92"):
        diagram = sequence_of(trace_records(RECORDS, queue_id))
        assert any(row.is_trouble for row in diagram.rows)
    assert not any(
        row.is_trouble for row in sequence_of(trace_records(RECORDS, "712A6228717")).rows
    )
