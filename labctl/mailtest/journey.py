"""One message followed through the logs of all hosts, queue by queue.

The thread is the Message-ID, which every host logs, and "queued as" in a server's answer,
which names the next queue. No host's clock is compared with another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labctl.mailtest.postfixlog import (
    Accepted,
    Attempt,
    Identified,
    Notified,
    PickedUp,
    Record,
    Removed,
)
from labctl.results import Hop


@dataclass(frozen=True)
class Visit:
    """One queue file on one host, with all that was logged of it in the order of the log."""

    host: str
    queue_id: str
    records: tuple[Record, ...]

    @property
    def message_id(self) -> str:
        """Its Message-ID; empty where it has none, or cleanup's line is not in the log."""
        for record in self.records:
            if isinstance(record.event, Identified):
                return record.event.message_id
        return ""

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The tries to deliver it, oldest first."""
        return tuple(r.event for r in self.records if isinstance(r.event, Attempt))

    @property
    def notices(self) -> tuple[str, ...]:
        """Queue ids of the notices to the sender that this message caused."""
        return tuple(r.event.queue_id for r in self.records if isinstance(r.event, Notified))

    @property
    def removed(self) -> bool:
        """Whether the queue file is gone: delivered or given up."""
        return any(isinstance(r.event, Removed) for r in self.records)

    def hops(self) -> tuple[Hop, ...]:
        """The last try for each recipient; while there was none, the queue it waits in."""
        last = {attempt.recipient: attempt for attempt in self.attempts}
        if not last:
            return (Hop(self.host, self.queue_id, "queued", "", 0.0, (0.0, 0.0, 0.0, 0.0)),)
        return tuple(_hop(self, attempt) for attempt in last.values())


@dataclass(frozen=True)
class Journey:
    """All visits of one message, in the order of its way."""

    message_id: str
    visits: tuple[Visit, ...]

    @property
    def hops(self) -> tuple[Hop, ...]:
        return tuple(hop for visit in self.visits for hop in visit.hops())

    @property
    def settled(self) -> bool:
        """Whether no queue holds it any more, and every queue it was handed to is known."""
        known = {visit.queue_id for visit in self.visits}
        handed_on = {attempt.next_queue_id for visit in self.visits for attempt in visit.attempts}
        return (
            bool(self.visits)
            and all(visit.removed for visit in self.visits)
            and handed_on - {""} <= known
        )

    @property
    def failed(self) -> bool:
        """Whether a server refused it or put it off: waiting longer will hardly help."""
        return any(hop.status not in ("sent", "queued") for hop in self.hops)

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(record for visit in self.visits for record in visit.records)


def follow(message_id: str, records: Iterable[Record]) -> Journey:
    """The way of the message with this Message-ID (without angle brackets).

    `records` carry the lab's host names, each host's in the order of its log. A message
    nobody logged gives a Journey without visits.
    """
    visits = [visit for visit in visits_of(records) if visit.message_id == message_id != ""]
    return Journey(message_id, _in_order(visits))


def follow_file(queue_id: str, records: Sequence[Record]) -> Journey:
    """The way of the newest message that had this queue id on any host.

    A message that came over SMTP without a Message-ID (RFC 5322 only recommends one) is
    followed by what each server says of the next queue.
    """
    visits = visits_of(records)
    named = [visit for visit in visits if visit.queue_id == queue_id]
    if not named:
        return Journey("", ())
    newest = max(named, key=lambda visit: visit.records[-1].time)
    if newest.message_id:
        return follow(newest.message_id, records)
    chain = [newest]
    while more := [v for v in visits if v not in chain and any(_linked(v, c) for c in chain)]:
        chain += more
    return Journey("", _in_order(chain))


def _linked(one: Visit, other: Visit) -> bool:
    """Whether one of the two queues handed the message to the other, none knowing its id."""
    if one.message_id or other.message_id or one.host == other.host:
        return False
    return any(
        attempt.next_queue_id == target.queue_id
        for source, target in ((one, other), (other, one))
        for attempt in source.attempts
    )


def visits_of(records: Iterable[Record]) -> tuple[Visit, ...]:
    """All queue files of all hosts, in the order in which the logs first name them."""
    files: dict[tuple[str, str, int], list[Record]] = {}
    generation: dict[tuple[str, str], int] = {}
    for record in records:
        if not record.queue_id:
            continue
        key = (record.host, record.queue_id)
        count = generation.setdefault(key, 0)
        if isinstance(record.event, PickedUp | Accepted) and files.get((*key, count)):
            # Postfix uses short ids again; only entering the queue tells the two apart,
            # as `removed` is now and then logged before the last delivery.
            count = generation[key] = count + 1
        files.setdefault((*key, count), []).append(record)
    return tuple(Visit(host, queue, tuple(found)) for (host, queue, _), found in files.items())


def _in_order(visits: Sequence[Visit]) -> tuple[Visit, ...]:
    """Each visit after the one whose attempt names it; the order of the log otherwise."""
    left, ordered = list(visits), list[Visit]()
    while left:
        targets = {attempt.next_queue_id for visit in left for attempt in visit.attempts}
        # Two hosts could give the same id, even in a ring: then the log's order must do.
        first = next((visit for visit in left if visit.queue_id not in targets), left[0])
        left.remove(first)
        ordered.append(first)
    return tuple(ordered)


def _hop(visit: Visit, attempt: Attempt) -> Hop:
    return Hop(
        host=visit.host,
        queue_id=visit.queue_id,
        status=attempt.status,
        relay=attempt.relay,
        delay=attempt.delay,
        delays=attempt.delays,
        dsn=attempt.dsn,
        detail=attempt.detail,
        recipient=attempt.recipient,
    )
