"""One message's way as stages that a class can follow: who spoke, in which role, what was done.

The roles are the chapter's: MUA (mail client), MTA (relay, queue), MDA (local delivery). Every
stage comes from a log line. Postfix does not log the name lookup: that stage comes from the
relay's name and address in the line of the delivery. A stage is data; `wording` has the
sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from labctl.errors import WrongUsage
from labctl.hint import commands
from labctl.i18n import _
from labctl.mailtest.journey import Journey, Visit, follow, follow_file, visits_of
from labctl.mailtest.logs import newest_records
from labctl.mailtest.postfixevents import (
    Accepted,
    Activated,
    Attempt,
    Event,
    Expired,
    Held,
    Identified,
    Inspected,
    Notified,
    PickedUp,
    Removed,
    Requeued,
)
from labctl.mailtest.postfixlog import Record
from provision.step import Target

LAST = "last"
# The Message-IDs of `labctl check`. Those of other programs and of the mail test have an @.
_OF_A_CHECK = re.compile(r"labctl\.[0-9a-f]{16}\.[^@]+")
# How many lines back a message is looked for, on each host.
NEWEST = 20_000
# Dovecot's summary at the end of a session, if it handed out a message at all.
_FETCHED = re.compile(
    r"(?P<protocol>imap|pop3)\((?P<user>[^)]+)\)<.*?"
    r"(?:body_count=(?P<bodies>\d+)|retr=(?P<retrieved>\d+)/)"
)
_NON_DELIVERY = "non-delivery"


class StageKind(StrEnum):
    """What happens in a stage. The comment names the fields of Stage.facts.

    An attempt to deliver has `to`, `relay`, `seconds` and `status`.
    """

    SUBMITTED = "submitted"
    SUBMITTED_AUTH = "submitted-auth"  # user
    RECEIVED = "received"  # client
    CLEANED = "cleaned"
    QUEUED = "queued"  # sender, size (bytes), count (of recipients)
    LOOKED_UP = "looked-up"  # domain, name, address
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    RELAYED = "relayed"  # an attempt, next_queue_id
    DELIVERED = "delivered"  # an attempt
    FORWARDED = "forwarded"  # an attempt, next_queue_id
    DISCARDED = "discarded"  # an attempt, or action and where
    VERIFIED = "verified"  # an attempt
    DEFERRED = "deferred"  # an attempt
    BOUNCED = "bounced"  # an attempt
    EXPIRED = "expired"  # sender, status
    REFUSED = "refused"  # action, where
    HELD = "held"
    RELEASED = "released"
    REQUEUED = "requeued"
    NON_DELIVERY_NOTICE = "non-delivery-notice"  # reader, notice_id
    NOTICE = "notice"  # reader, notice, notice_id
    REMOVED = "removed"
    FETCHED = "fetched"  # user, protocol
    OTHER = "other"

    @property
    def role(self) -> str:
        """MUA, MTA, MDA or DNS."""
        return _ROLES.get(self, "MTA")

    @property
    def is_trouble(self) -> bool:
        """Whether the message did not get on here."""
        return self in _TROUBLE


_ROLES = {
    StageKind.SUBMITTED: "MUA",
    StageKind.SUBMITTED_AUTH: "MUA",
    StageKind.FETCHED: "MUA",
    StageKind.LOOKED_UP: "DNS",
    StageKind.DELIVERED: "MDA",
}
_TROUBLE = frozenset(
    {
        StageKind.DEFERRED,
        StageKind.BOUNCED,
        StageKind.EXPIRED,
        StageKind.REFUSED,
        StageKind.DISCARDED,
        StageKind.HELD,
        StageKind.NON_DELIVERY_NOTICE,
    }
)

Facts = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Stage:
    """One station of a message's way.

    `time` is by the clock of labctl's machine, `detail` is the log's own text. `facts` are the
    values of the kind. `reader` is the account that fetched the message, "" for other kinds.
    """

    time: datetime
    host: str
    program: str
    queue_id: str
    kind: StageKind
    detail: str
    facts: Facts = field(default_factory=dict)
    reader: str = ""

    @property
    def role(self) -> str:
        """MUA, MTA, MDA or DNS."""
        return self.kind.role


@dataclass(frozen=True)
class Trace:
    """The whole way of one message. `settled` is False while a queue still holds it."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    settled: bool
    stages: tuple[Stage, ...]


def trace_message(targets: Mapping[str, Target], wanted: str = LAST) -> Trace:
    """The way of the message with that Message-ID or queue id, or of the last one.

    Raises:
        WrongUsage: no log names it.
    """
    return trace_records(newest_records(targets, NEWEST), wanted)


def trace_records(records: Sequence[Record], wanted: str = LAST) -> Trace:
    """The same from records alone, those of each host in the order of its log."""
    journey = _find(records, wanted)
    known = [record.event for record in journey.records]
    senders = [event.sender for event in known if isinstance(event, Activated)]
    to = [event.recipient for event in known if isinstance(event, Attempt)]
    return Trace(
        message_id=journey.message_id,
        sender=senders[0] if senders else "",
        recipients=tuple(dict.fromkeys(to)),
        settled=journey.settled,
        stages=tuple(sorted(_stages(journey, records), key=lambda stage: stage.time)),
    )


def _find(records: Sequence[Record], wanted: str) -> Journey:
    name = wanted.strip().strip("<>")
    if name == LAST:
        name = _last_queue_id(records)
    for journey in (follow(name, records), follow_file(name, records)):
        if journey.visits:
            return journey
    if wanted == LAST:
        raise WrongUsage(
            _("the mail logs do not contain any message yet"), hint=commands("labctl test-mail")
        )
    raise WrongUsage(
        _("no mail log names the message {name}", name=repr(wanted)),
        hint=commands(
            "labctl test-mail",
            "labctl logs",
            text=_("the first sends some messages, the second shows their ids"),
        ),
    )


def _last_queue_id(records: Sequence[Record]) -> str:
    """The queue id of the newest message that `check` did not send, or "".

    Verifying an address sends no message.
    """
    probes = {(v.host, v.queue_id) for v in visits_of(records) if v.is_probe}
    named = [
        record
        for record in records
        if isinstance(record.event, Identified)
        and (record.host, record.queue_id) not in probes
        and not _OF_A_CHECK.fullmatch(record.event.message_id)
    ]
    return max(named, key=lambda record: record.time).queue_id if named else ""


def _stages(journey: Journey, records: Sequence[Record]) -> Iterator[Stage]:
    for place, visit in enumerate(journey.visits):
        following = [_session(later, records) for later in journey.visits[place + 1 :]]
        active = visit.records[0].time
        for record in visit.records:
            if isinstance(record.event, Activated):
                active = record.time
            if isinstance(record.event, Attempt):
                yield from _looked_up(record, record.event, following, active)
            yield _stage(record)
        yield from _dialogue(_session(visit, records))
        yield from _fetched(visit, records)


def _stage(record: Record) -> Stage:
    kind, facts = _meaning(record)
    return Stage(
        record.time, record.host, record.program, record.queue_id, kind, record.text, facts
    )


def _meaning(record: Record) -> tuple[StageKind, Facts]:
    """Kind and facts of a line about a queue file."""
    meaning: tuple[StageKind, Facts]
    match record.event:
        case PickedUp():
            meaning = StageKind.SUBMITTED, {}
        case Accepted(sasl_username=user) if user:
            meaning = StageKind.SUBMITTED_AUTH, {"user": user}
        case Accepted(client=client):
            meaning = StageKind.RECEIVED, {"client": client}
        case Identified():
            meaning = StageKind.CLEANED, {}
        case Activated(sender=sender, size=size, recipients=count):
            meaning = StageKind.QUEUED, {"sender": sender, "size": size, "count": count}
        case Attempt() as attempt:
            meaning = _tried(attempt)
        case Notified() as notice:
            meaning = _notified(notice)
        case Removed():
            meaning = StageKind.REMOVED, {}
        case event:
            meaning = _intervention(event)
    return meaning


def _intervention(event: Event | None) -> tuple[StageKind, Facts]:
    """What a rule, the administrator or the queue manager's patience did to the message."""
    match event:
        case Inspected(action=action, where=where):
            return _INSPECTIONS[action], {"action": action, "where": where}
        case Expired(sender=sender, status=status):
            return StageKind.EXPIRED, {"sender": sender, "status": status}
        case Held(released=released):
            return StageKind.RELEASED if released else StageKind.HELD, {}
        case Requeued():
            return StageKind.REQUEUED, {}
    return StageKind.OTHER, {}


def _notified(notice: Notified) -> tuple[StageKind, Facts]:
    is_bounce = notice.kind == _NON_DELIVERY and notice.reader == "sender"
    kind = StageKind.NON_DELIVERY_NOTICE if is_bounce else StageKind.NOTICE
    return kind, {"reader": notice.reader, "notice": notice.kind, "notice_id": notice.queue_id}


_INSPECTIONS = {
    "reject": StageKind.REFUSED,
    "discard": StageKind.DISCARDED,
    "hold": StageKind.HELD,
}


def _tried(attempt: Attempt) -> tuple[StageKind, Facts]:
    facts: dict[str, str | int | float] = {
        "to": attempt.recipient,
        "relay": attempt.relay,
        "seconds": attempt.delay,
        "status": attempt.status,
    }
    if attempt.next_queue_id:
        facts["next_queue_id"] = attempt.next_queue_id
    if attempt.is_probe:
        kind = StageKind.VERIFIED
    elif not attempt.is_final:
        kind = StageKind.DEFERRED
    elif attempt.is_failure:
        kind = StageKind.BOUNCED
    elif attempt.is_relay:
        kind = StageKind.RELAYED
    elif attempt.is_local:
        kind = StageKind.DELIVERED
    else:
        kind = StageKind.FORWARDED if attempt.next_queue_id else StageKind.DISCARDED
    return kind, facts


def _looked_up(
    record: Record, attempt: Attempt, following: Sequence[Sequence[Record]], active: datetime
) -> Iterator[Stage]:
    """The name lookup before a relay: when connecting began, and its result.

    It is not before the message was `active`: an open connection may have begun for another.
    """
    if attempt.server is None or attempt.agent == "lmtp":
        return
    name, address = attempt.server
    begun = record.time - timedelta(seconds=attempt.delays[2] + attempt.delays[3])
    # The log's figures are rounded. The lookup was before the next server was spoken to.
    spoken = [session[0].time for session in following if session]
    begun = max(active, min([begun, *(time - timedelta(microseconds=1) for time in spoken)]))
    domain = attempt.recipient.rpartition("@")[2]
    yield Stage(
        begun,
        record.host,
        record.program,
        record.queue_id,
        StageKind.LOOKED_UP,
        f"relay={attempt.relay}",
        {"domain": domain, "name": name, "address": address},
    )


def _session(visit: Visit, records: Sequence[Record]) -> tuple[Record, ...]:
    """The lines that begin and end the SMTP session in which the message came."""
    accepted = next((r for r in visit.records if isinstance(r.event, Accepted)), None)
    if accepted is None:
        return ()
    session = [
        record
        for record in records
        if (record.host, record.program, record.pid) == (visit.host, "smtpd", accepted.pid)
        and not record.queue_id
    ]
    begun = [r for r in session if r.text.startswith("connect from") and r.time <= accepted.time]
    ended = [r for r in session if r.text.startswith("disconnect") and r.time >= accepted.time]
    return (*begun[-1:], *ended[:1])


def _dialogue(session: Sequence[Record]) -> Iterator[Stage]:
    for r in session:
        begins = r.text.startswith("connect")
        kind = StageKind.CONNECTED if begins else StageKind.DISCONNECTED
        yield Stage(r.time, r.host, r.program, "", kind, r.text)


def _fetched(visit: Visit, records: Sequence[Record]) -> Iterator[Stage]:
    """The first IMAP or POP3 session after each local delivery that handed a message out."""
    for delivered in visit.records:
        attempt = delivered.event
        if not isinstance(attempt, Attempt) or not attempt.is_local:
            continue
        user = attempt.recipient.partition("@")[0]
        later = (r for r in records if r.host == visit.host and r.time >= delivered.time)
        first = next((r for r in later if _fetch_of(r, user)), None)
        if first is not None:
            facts = {"user": user, "protocol": _fetch_of(first, user)}
            kind = StageKind.FETCHED
            yield Stage(first.time, first.host, first.program, "", kind, first.text, facts, user)


def _fetch_of(record: Record, user: str) -> str:
    """The protocol by which the user fetched a message in the session that the line ends."""
    found = _FETCHED.search(record.text) if record.program == "dovecot" else None
    if found is None or found["user"] != user:
        return ""
    return found["protocol"].upper() if int(found["bodies"] or found["retrieved"] or 0) else ""
