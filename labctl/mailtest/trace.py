"""One message's way as stages a class can follow: who spoke, in which role, and what was done.

The roles and terms are the chapter's: MUA (mail client), MTA (relay, queue), MDA (local
delivery). Each stage stands on a log line; the name lookup, which Postfix does not log, on
the relay's name and address in the line of the delivery.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from labctl.errors import WrongUsage
from labctl.i18n import _
from labctl.mailtest.journey import Journey, Visit, follow, follow_file
from labctl.mailtest.logs import newest_records
from labctl.mailtest.postfixlog import (
    Accepted,
    Activated,
    Attempt,
    Identified,
    Notified,
    PickedUp,
    Record,
    Removed,
)
from provision.step import Target

LAST = "last"
# How many lines back a message is looked for, on each host.
_BACK = 20000
_RELAY = re.compile(r"(?P<name>[^\[\s]+)\[(?P<address>[^\]]+)\](?::\d+)?")
# Dovecot's summary at the end of a session, when it handed out a message at all.
_FETCHED = re.compile(
    r"(?P<protocol>imap|pop3)\((?P<user>[^)]+)\)<.*?"
    r"(?:body_count=(?P<bodies>\d+)|retr=(?P<retrieved>\d+)/)"
)


@dataclass(frozen=True)
class Stage:
    """One station. `role` is MUA, MTA, MDA or DNS; `term` the chapter's word for what is done.

    `time` is by the labctl machine's clock; `detail` is the log's own text. `reader` is the
    account that fetched the message, empty for every other stage.
    """

    time: datetime
    host: str
    program: str
    queue_id: str
    role: str
    term: str
    what: str
    detail: str
    reader: str = ""


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

    Raises WrongUsage where no log names it.
    """
    return trace_records(newest_records(targets, _BACK), wanted)


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
        named = [record for record in records if isinstance(record.event, Identified)]
        name = max(named, key=lambda record: record.time).queue_id if named else ""
    for journey in (follow(name, records), follow_file(name, records)):
        if journey.visits:
            return journey
    raise WrongUsage(
        _("no mail log names the message {name}", name=repr(wanted)),
        hint=_("labctl test-mail sends some; labctl logs shows their ids"),
    )


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
    role, term, what = _meaning(record)
    return Stage(
        record.time, record.host, record.program, record.queue_id, role, term, what, record.text
    )


def _meaning(record: Record) -> tuple[str, str, str]:
    """Role, term and sentence of a line about a queue file."""
    said: tuple[str, str, str]
    match record.event:
        case PickedUp():
            what = _("the mail command gave it to sendmail; pickup took it from the maildrop")
            said = ("MUA", _("submission"), what)
        case Accepted(sasl_username=user) if user:
            what = _("a mail client gave it over SMTP, with SMTP AUTH as {user}", user=user)
            said = ("MUA", _("submission"), what)
        case Accepted(client=client):
            what = _("the server took it from {client}", client=client)
            said = ("MTA", _("reception"), what)
        case Identified():
            said = ("MTA", _("cleanup"), _("headers completed, written to the queue"))
        case Activated(sender=sender, size=size, recipients=count):
            what = _(
                "from {sender}, {size} bytes, recipients: {count}; ready to be delivered",
                sender=sender or "<>",
                size=size,
                count=count,
            )
            said = ("MTA", _("queue"), what)
        case Attempt() as attempt:
            said = _delivered(attempt)
        case Notified():
            said = ("MTA", _("bounce"), _("the sender is told that it could not be delivered"))
        case Removed():
            said = ("MTA", _("queue"), _("done; removed from the queue"))
        case None:
            said = ("MTA", record.program, record.text)
    return said


def _delivered(attempt: Attempt) -> tuple[str, str, str]:
    fields = {"to": attempt.recipient, "relay": attempt.relay, "seconds": f"{attempt.delay:g}"}
    if attempt.status == "deferred":
        return "MTA", _("deferred"), _("not delivered to {to} now; it is tried again", **fields)
    if attempt.status != "sent":
        return "MTA", _("bounce"), _("given up for {to}", **fields)
    if _RELAY.match(attempt.relay):
        return "MTA", _("relay"), _("handed to {relay} for {to}, {seconds} s in all", **fields)
    return "MDA", _("local delivery"), _("put into the mailbox of {to}", **fields)


def _looked_up(
    record: Record, attempt: Attempt, following: Sequence[Sequence[Record]], active: datetime
) -> Iterator[Stage]:
    """The name lookup before a relay: when the connecting began, and what it gave.

    Not before the message was `active`: an open connection may have begun for another one.
    """
    relay = _RELAY.match(attempt.relay)
    if relay is None:
        return
    begun = record.time - timedelta(seconds=attempt.delays[2] + attempt.delays[3])
    # The log's figures are rounded; the lookup was before the next server was spoken to.
    spoken = [session[0].time for session in following if session]
    begun = max(active, min([begun, *(time - timedelta(microseconds=1) for time in spoken)]))
    domain = attempt.recipient.rpartition("@")[2]
    what = _(
        "the mail server of {domain} is {name} at {address}",
        domain=domain,
        name=relay["name"],
        address=relay["address"],
    )
    yield Stage(
        begun,
        record.host,
        record.program,
        record.queue_id,
        "DNS",
        _("name resolution"),
        what,
        f"relay={attempt.relay}",
    )


def _session(visit: Visit, records: Sequence[Record]) -> tuple[Record, ...]:
    """The log lines of beginning and end of the SMTP session in which the message came."""
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
        what = _("the SMTP dialogue begins") if begins else _("the SMTP dialogue ends")
        yield Stage(r.time, r.host, r.program, "", "MTA", "SMTP", what, r.text)


def _fetched(visit: Visit, records: Sequence[Record]) -> Iterator[Stage]:
    """The first IMAP or POP3 session after the delivery that handed a message out."""
    delivered = [
        (record.time, record.event.recipient.partition("@")[0])
        for record in visit.records
        if isinstance(record.event, Attempt)
        and record.event.status == "sent"
        and not _RELAY.match(record.event.relay)
    ]
    for time, user in delivered:
        for record in records:
            found = _FETCHED.search(record.text) if record.program == "dovecot" else None
            if found is None or record.host != visit.host or record.time < time:
                continue
            if found["user"] == user and int(found["bodies"] or found["retrieved"] or 0) > 0:
                protocol = found["protocol"].upper()
                what = _("{user} fetched mail over {protocol}", user=user, protocol=protocol)
                term = _("reception by the mail client")
                yield Stage(
                    record.time,
                    record.host,
                    record.program,
                    "",
                    "MUA",
                    term,
                    what,
                    record.text,
                    reader=user,
                )
                break
