"""One message followed through the logs of all hosts, queue by queue.

Visits are linked by the Message-ID, which every host logs, and by "queued as" in a server's
answer, which names the next queue. No host's clock is compared with another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labctl.mailtest.postfixevents import (
    Accepted,
    Activated,
    Attempt,
    Expired,
    Held,
    Identified,
    Inspected,
    PickedUp,
    Removed,
    Requeued,
)
from labctl.mailtest.postfixlog import Record
from labctl.results import Hop


@dataclass(frozen=True)
class Visit:
    """One queue file on one host, with all that was logged of it in the order of the log."""

    host: str
    queue_id: str
    records: tuple[Record, ...]

    @property
    def message_id(self) -> str:
        """Its Message-ID, or "" if it has none or cleanup's line is not in the log."""
        named = [r.event for r in self.records if isinstance(r.event, Identified)]
        named.sort(key=lambda event: event.resent)
        return named[0].message_id if named else ""

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The tries to deliver it, oldest first."""
        return tuple(r.event for r in self.records if isinstance(r.event, Attempt))

    @property
    def is_probe(self) -> bool:
        """Whether addresses were verified with it (`sendmail -bv`) and nothing was delivered."""
        return bool(self.attempts) and all(attempt.is_probe for attempt in self.attempts)

    @property
    def removed(self) -> bool:
        """Whether the log says that the queue file is gone."""
        return any(
            isinstance(r.event, Removed | Requeued)
            or (isinstance(r.event, Inspected) and r.event.ends)
            for r in self.records
        )

    @property
    def ended(self) -> bool:
        """Whether the queue file is gone, also if the line that says so is missing.

        Then every recipient is settled, or the queue manager returned the message.
        """
        if self.removed or self._expired:
            return True
        last = self._last_attempts()
        expected = [r.event.recipients for r in self.records if isinstance(r.event, Activated)]
        settled = all(attempt.is_final for attempt in last)
        return bool(last) and settled and len(last) >= max(expected, default=1)

    def hops(self) -> tuple[Hop, ...]:
        """The last try for each recipient; before the first one, the queue it waits in."""
        last = self._last_attempts()
        if not last:
            return (Hop(self.host, self.queue_id, self._state(), "", 0.0, (0.0, 0.0, 0.0, 0.0)),)
        return tuple(self._hop(attempt) for attempt in last)

    @property
    def _expired(self) -> str:
        """Postfix's word for a message that it gave up: expired, force-expired, or ""."""
        words = [r.event.status for r in self.records if isinstance(r.event, Expired)]
        return words[-1] if words else ""

    def _last_attempts(self) -> tuple[Attempt, ...]:
        last = {(each.recipient, each.original_recipient): each for each in self.attempts}
        return tuple(last.values())

    def _state(self) -> str:
        """What became of a message that nobody tried to deliver."""
        state = "queued"
        for record in self.records:
            match record.event:
                case Inspected(action="hold") | Held(released=False):
                    state = "held"
                case Held():
                    state = "queued"
                case Inspected() as event if event.ends:
                    state = "rejected" if event.action == "reject" else "discarded"
        return self._expired or state

    def _hop(self, attempt: Attempt) -> Hop:
        return Hop(
            host=self.host,
            queue_id=self.queue_id,
            status=attempt.status if attempt.is_final else self._expired or attempt.status,
            relay=attempt.relay,
            delay=attempt.delay,
            delays=attempt.delays,
            dsn=attempt.dsn,
            detail=attempt.detail,
            recipient=attempt.recipient,
        )


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
        return self._is_known and all(visit.ended for visit in self.visits)

    @property
    def told(self) -> bool:
        """Whether the logs have the whole way, up to the line that each queue file is gone."""
        return self._is_known and all(visit.removed for visit in self.visits)

    @property
    def _is_known(self) -> bool:
        known = {visit.queue_id for visit in self.visits}
        handed_on = {attempt.next_queue_id for visit in self.visits for attempt in visit.attempts}
        return bool(self.visits) and handed_on - {""} <= known

    @property
    def failed(self) -> bool:
        """Whether a server refused it, put it off or keeps it: waiting longer will hardly help."""
        good = ("sent", "queued", "deliverable", "undeliverable")
        return any(hop.status not in good for hop in self.hops)

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(record for visit in self.visits for record in visit.records)


def follow(message_id: str, records: Iterable[Record]) -> Journey:
    """The way of the message with this Message-ID (without angle brackets).

    Args:
        records: lines with the lab's host names, those of each host in the order of its log.

    Returns:
        A Journey, without visits if no host logged the message.
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
        if _begins_another(record, files.get((*key, count), ())):
            count = generation[key] = count + 1
        files.setdefault((*key, count), []).append(record)
    return tuple(Visit(host, queue, tuple(found)) for (host, queue, _), found in files.items())


def _begins_another(record: Record, before: Sequence[Record]) -> bool:
    """Whether the queue id now belongs to another file: Postfix uses short ids again.

    Only entering the queue is a sign. `removed` may be logged before the last delivery.
    """
    if isinstance(record.event, PickedUp | Accepted):
        return bool(before)
    # A notice enters the queue without a line of its own, with its Message-ID at once.
    known = {type(each.event) for each in before}
    return isinstance(record.event, Identified) and {Identified, Removed} <= known


def _in_order(visits: Sequence[Visit]) -> tuple[Visit, ...]:
    """Each visit after the one whose attempt names it, otherwise in the order of the log."""
    left, ordered = list(visits), list[Visit]()
    while left:
        targets = {attempt.next_queue_id for visit in left for attempt in visit.attempts}
        # Hosts may give equal ids, even in a ring: then the order of the log decides.
        first = next((visit for visit in left if visit.queue_id not in targets), left[0])
        left.remove(first)
        ordered.append(first)
    return tuple(ordered)
