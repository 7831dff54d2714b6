"""Where the messages of a stream are: counted by their tokens in queues and mailboxes.

Postfix promises that an accepted message is not lost, and is delivered once, with one exception.
The side that takes a message writes it to disk and says so; only then the other side deletes it.
If this answer is lost, by a crash or a broken connection, the message is sent again (RFC 5321,
section 4.5.3.2.6; RFC 1047). The logs distinguish such a second copy from a wrong one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from labctl.mailtest.journey import Visit, visits_of
from labctl.mailtest.mailcommand import user_of
from labctl.mailtest.postfixlog import Record
from labctl.mailtest.stream import Sent
from labctl.mailtest.watch import Watch
from labctl.results import Astray
from labctl.scripts import Script
from provision.mailbox import delivered_ids
from provision.step import Target

_STORY = 24
# What Postfix logs if the answer to the end of a message did not come.
_AMBIGUOUS = "may be sent more than once"

_QUEUE_IDS = Script("labctl.mailtest", "queue-ids.sh")


@dataclass(frozen=True)
class Tally:
    """Messages by token: how often in mailboxes, and in how many queue files."""

    delivered: Mapping[str, int]
    queued: Mapping[str, int]


def count_messages(watch: Watch) -> Tally:
    """Count on both hosts, in the direction of the mail: queues first, then mailboxes.

    The queues are read twice, because a message may move from the queue that is read second to
    the one that was read first.
    """
    queues = [watch.on_both(lambda target: queued_on(target, watch.run_id)) for _again in (1, 2)]
    boxes = watch.on_both(lambda t: delivered_ids(t.remote, user_of(t), watch.run_id))
    queued: Counter[str] = Counter()
    for look in queues:
        queued |= Counter(token for tokens in look.values() for token in tokens)
    return Tally(
        delivered=Counter(token for tokens in boxes.values() for token in tokens),
        queued=queued,
    )


def queued_on(target: Target, run_id: str) -> list[str]:
    """The tokens in a host's queues, one for each queue file."""
    return _tokens(target.remote.script(_QUEUE_IDS, run_id).stdout)


def _tokens(output: str) -> list[str]:
    return [line.rpartition("<")[2].rstrip(">") for line in output.splitlines()]


def find_astray(
    sent: Sequence[Sent], tally: Tally, logs: Sequence[Record], peers: Mapping[str, str]
) -> tuple[Astray, ...]:
    """The messages that are lost or came more than once, with what the logs say about them.

    Args:
        peers: the receiving host by the sending one.
    """
    files: dict[str, list[Visit]] = defaultdict(list)
    for visit in visits_of(logs):
        files[visit.message_id].append(visit)
    starts = postfix_starts(logs)
    found = []
    for message in sent:
        copies = tally.delivered.get(message.token, 0)
        lost = message.answer == "accepted" and copies == 0 and message.token not in tally.queued
        if not lost and copies < 2:
            continue
        visits = files[message.token]
        window = "" if lost else repeated_at(message.host, copies, visits, starts)
        found.append(
            Astray(
                token=message.token,
                phase=message.phase,
                sender=message.host,
                recipient=peers[message.host],
                fate="lost" if lost else "repeated" if window else "duplicate",
                copies=copies,
                window=window,
                queue_ids=tuple(f"{visit.host} {visit.queue_id}" for visit in visits),
                story=_story(message, visits, logs),
            )
        )
    return tuple(found)


def postfix_starts(logs: Iterable[Record]) -> Mapping[str, Sequence[datetime]]:
    """The times at which Postfix was started on each host, by the host's own clock."""
    starts: dict[str, list[datetime]] = defaultdict(list)
    for record in logs:
        if _is_start(record):
            starts[record.host].append(record.time)
    return starts


def _is_start(record: Record) -> bool:
    return record.program == "master" and record.text.startswith("daemon started")


def repeated_at(
    sender: str,
    copies: int,
    visits: Sequence[Visit],
    starts: Mapping[str, Sequence[datetime]],
) -> str:
    """Where a message was handed over twice because the first answer was lost.

    Returns:
        `submission` (pickup had the message in the queue, but not yet removed it from the
        maildrop), `smtp` (the receiver had it, but the sender did not know), or `local` (it was
        in the mailbox, but the queue did not know). It is "" if the logs do not show a crash or
        a broken connection for each surplus copy.
    """
    own = [visit for visit in visits if visit.host == sender]
    theirs = [visit for visit in visits if visit.host != sender]
    surplus = {
        "submission": len(own) - 1,
        "smtp": len(theirs) - max(1, len(own)),
        "local": copies - max(1, len(theirs)),
    }
    excused = {
        "submission": sum(
            any(_first(one) <= time <= _first(two) for time in starts.get(sender, ()))
            for one, two in pairwise(own)
        ),
        "smtp": sum(_restarts(visit, starts) + _unsure(visit) for visit in own),
        "local": sum(_restarts(visit, starts) for visit in theirs),
    }
    if any(surplus[where] > excused[where] for where in surplus):
        return ""
    return next((where for where, more in surplus.items() if more > 0), "")


def _first(visit: Visit) -> datetime:
    return visit.records[0].time


def _restarts(visit: Visit, starts: Mapping[str, Sequence[datetime]]) -> int:
    """The number of times that Postfix was started while it had this queue file."""
    last = visit.records[-1].time
    return sum(_first(visit) <= time <= last for time in starts.get(visit.host, ()))


def _unsure(visit: Visit) -> int:
    return sum(_AMBIGUOUS in attempt.detail for attempt in visit.attempts)


def _story(message: Sent, visits: Sequence[Visit], logs: Sequence[Record]) -> tuple[str, ...]:
    """What the hosts logged about the message, and Postfix's starts meanwhile, host by host."""
    first = f"{message.host}: sendmail: {message.answer}"
    lines = [f"{first}: {message.words}" if message.words else first]
    for host in dict.fromkeys(visit.host for visit in visits):
        own = [record for visit in visits if visit.host == host for record in visit.records]
        start, end = min(r.time for r in own), max(r.time for r in own)
        between = [r for r in logs if r.host == host and _is_start(r) and start <= r.time <= end]
        told = sorted([*own, *between], key=lambda record: record.time)
        lines += [f"{host}: {record.time:%H:%M:%S.%f} {record}" for record in told]
    return tuple(lines[:_STORY])
