"""A message is followed by its Message-ID through the logs of both hosts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from labctl.mailtest.journey import Journey, follow, visits_of
from labctl.mailtest.postfixevents import Identified, Notified
from labctl.mailtest.postfixlog import Record
from tests.unit.mailtest.recorded import lines, records

PAIRS = (
    ("postfix-3.7.log", "postfix-3.7-receiver.log"),
    ("postfix-3.10.log", "postfix-3.7-receiver-from-3.10.log"),
)


def both(pair: tuple[str, str]) -> list[Record]:
    return [*records(pair[0]), *records(pair[1])]


def ids(found: list[Record]) -> list[str]:
    """The Message-IDs in the order in which the sender logged them."""
    every = [r.event.message_id for r in found if isinstance(r.event, Identified)]
    return list(dict.fromkeys(every))


def nth(pair: tuple[str, str], number: int) -> Journey:
    found = both(pair)
    return follow(ids(found)[number], found)


@pytest.mark.parametrize("pair", PAIRS)
def test_two_hops_from_sender_to_mailbox(pair: tuple[str, str]) -> None:
    journey = nth(pair, 0)
    first, second = journey.hops
    assert second.host == "host1" != first.host
    assert first.relay == "mail.example1.jp[192.168.56.101]:25"
    assert first.detail.endswith(f"queued as {second.queue_id}")
    assert (second.relay, second.detail) == ("local", "delivered to mailbox")
    assert [hop.status for hop in journey.hops] == ["sent", "sent"]
    assert journey.settled and not journey.failed


@pytest.mark.parametrize("pair", PAIRS)
def test_the_way_does_not_depend_on_the_clocks_or_on_who_is_read_first(
    pair: tuple[str, str],
) -> None:
    sender, receiver = records(pair[0]), records(pair[1])
    early = [replace(record, time=record.time - timedelta(hours=9)) for record in receiver]
    message = ids(sender)[0]
    expected = follow(message, [*sender, *receiver]).hops
    assert follow(message, [*early, *sender]).hops == expected


@pytest.mark.parametrize("pair", PAIRS)
def test_a_message_to_three_has_a_hop_for_each_recipient(pair: tuple[str, str]) -> None:
    journey = nth(pair, 2)
    recipients = [hop.recipient for hop in journey.hops]
    own = recipients[0]
    assert recipients == [
        own,
        "user1@example1.jp",
        "user5@example1.jp",
        "user1@example1.jp",
        "user5@example1.jp",
    ]
    # Two recipients on one server are sent in one transaction.
    assert len(journey.visits) == 2


@pytest.mark.parametrize("pair", PAIRS)
def test_a_bounce_leads_to_a_notice_with_an_id_of_its_own(pair: tuple[str, str]) -> None:
    journey = nth(pair, 3)
    assert journey.failed and journey.settled
    assert [hop.status for hop in journey.hops] == ["bounced"]
    events = [record.event for record in journey.visits[0].records]
    (notice,) = [event.queue_id for event in events if isinstance(event, Notified)]
    assert notice != journey.visits[0].queue_id
    (visit,) = [visit for visit in visits_of(both(pair)) if visit.queue_id == notice]
    assert [hop.status for hop in visit.hops()] == ["sent"]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_deferred_message_is_failed_for_now_and_not_settled(pair: tuple[str, str]) -> None:
    found = both(pair)
    (deferred,) = [v for v in visits_of(found) if any(h.status == "deferred" for h in v.hops())]
    message = next(r.event for r in deferred.records if isinstance(r.event, Identified))
    journey = follow(message.message_id, found)
    assert journey.failed and not journey.settled


@pytest.mark.parametrize("pair", PAIRS)
def test_a_way_whose_second_half_is_not_yet_logged_is_not_settled(pair: tuple[str, str]) -> None:
    found = records(pair[0])
    journey = follow(ids(found)[0], found)
    assert len(journey.hops) == 1
    assert not journey.settled and not journey.failed


@pytest.mark.parametrize("pair", PAIRS)
def test_a_message_in_the_queue_waits_there(pair: tuple[str, str]) -> None:
    found = records(pair[0])[:3]
    journey = follow(ids(found)[0], found)
    assert [hop.status for hop in journey.hops] == ["queued"]
    assert not journey.settled and not journey.failed


def test_a_message_nobody_logged_has_no_way() -> None:
    journey = follow("nobody@example1.jp", both(PAIRS[0]))
    assert journey.visits == () and journey.hops == ()
    assert not journey.settled and not journey.failed


def test_removed_may_be_logged_before_the_last_delivery() -> None:
    # Recorded in this order: syslog does not keep the order between programs.
    text = lines("postfix-3.10-rfc3164.log")
    removed = next(i for i, line in enumerate(text) if line.endswith("90BE8228538: removed"))
    assert "90BE8228538: to=" in text[removed + 1]
    (visit, _local) = visits_of(records("postfix-3.10-rfc3164.log"))
    assert visit.removed
    assert [hop.status for hop in visit.hops()] == ["sent"]


def test_a_queue_id_used_again_is_another_message() -> None:
    first = records("postfix-3.7.log")[:6]
    again = [
        replace(record, event=Identified("other@example2.jp"))
        if isinstance(record.event, Identified)
        else record
        for record in first
    ]
    found = [*first, *again]
    assert len(visits_of(found)) == 2
    for message in ids(found):
        assert len(follow(message, found).visits) == 1
