"""Postfix's log lines as data: which queue file, what happened to it.

Syslog is the only place where Postfix says what became of a message, so these lines are
parsed by hand. The words follow Postfix's own source and postconf(5); the stamps are those
rsyslog (RFC 3164 or RFC 3339) and `journalctl -o short-iso-precise` write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_LINE = re.compile(
    r"(?P<stamp>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d))"
    r" (?P<host>\S+) (?P<tag>[^\s\[:]+)(?:\[(?P<pid>\d+)\])?: (?P<text>.*)"
)
# A short id is hexadecimal; a long one is base 52, a `z`, base 51: no vowels, so no word.
_QUEUE_ID = r"[0-9A-F]{6,16}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,24}"
_QUEUED = re.compile(rf"(?P<queue_id>{_QUEUE_ID}): (?P<text>.*)")
_ATTEMPT = re.compile(
    r"to=<(?P<to>[^>]*)>, (?:orig_to=<(?P<orig_to>[^>]*)>, )?relay=(?P<relay>[^,]+), "
    r"(?:conn_use=\d+, )?delay=(?P<delay>[\d.]+), delays=(?P<delays>[\d./]+), "
    r"dsn=(?P<dsn>[\d.]+), status=(?P<status>[\w-]+)(?: \((?P<detail>.*)\))?"
)
_PICKED_UP = re.compile(r"uid=(?P<uid>\d+) from=<(?P<sender>[^>]*)>")
_ACCEPTED = re.compile(
    r"client=(?P<client>[^,]+)(?:, sasl_method=(?P<method>[^,]+))?"
    r"(?:, sasl_username=(?P<user>[^,]+))?"
)
_IDENTIFIED = re.compile(r"(?:resent-)?message-id=(?P<id>.*)")
_ACTIVATED = re.compile(r"from=<(?P<sender>[^>]*)>, size=(?P<size>\d+), nrcpt=(?P<count>\d+)")
_NOTIFIED = re.compile(rf"sender (?P<kind>[\w -]+) notification: (?P<queue_id>{_QUEUE_ID})")
_QUEUED_AS = re.compile(rf"queued as (?P<queue_id>{_QUEUE_ID})")
_COMPLAINTS = ("warning:", "error:", "fatal:", "panic:", "connect to ", "reject:")


@dataclass(frozen=True)
class PickedUp:
    """pickup(8) took a message that a local user gave to sendmail(1)."""

    uid: int
    sender: str


@dataclass(frozen=True)
class Accepted:
    """smtpd(8) took a message from `client`, `name[address]`; SASL names are empty without."""

    client: str
    sasl_method: str
    sasl_username: str


@dataclass(frozen=True)
class Identified:
    """cleanup(8) read the Message-ID header, given without its angle brackets."""

    message_id: str


@dataclass(frozen=True)
class Activated:
    """qmgr(8) moved the message to the active queue; `size` in bytes."""

    sender: str
    size: int
    recipients: int


@dataclass(frozen=True)
class Attempt:
    """One try to deliver to one recipient.

    `delay` and `delays` are seconds; the four are: before the queue manager, in the queue,
    connecting, sending (postconf(5), delay_logging_resolution_limit). `status` is Postfix's
    word: sent, deferred, bounced, expired, undeliverable.
    """

    recipient: str
    original_recipient: str
    relay: str
    delay: float
    delays: tuple[float, float, float, float]
    dsn: str
    status: str
    detail: str

    @property
    def next_queue_id(self) -> str:
        """The id the next server gave the message in its answer; empty where it gave none."""
        found = _QUEUED_AS.search(self.detail) if self.status == "sent" else None
        return found["queue_id"] if found else ""

    @property
    def is_final(self) -> bool:
        """Whether this recipient is settled: a deferred message is tried again."""
        return self.status != "deferred"


@dataclass(frozen=True)
class Notified:
    """bounce(8) wrote a notice to the sender: another message, with a queue id of its own."""

    kind: str
    queue_id: str


@dataclass(frozen=True)
class Removed:
    """qmgr(8) removed the queue file: nothing is left to do for it on this host."""


Event = PickedUp | Accepted | Identified | Activated | Attempt | Notified | Removed


@dataclass(frozen=True)
class Record:
    """One log line. `event` is None for a line that is no station of a message's way.

    `host` is the name in the line; who reads a lab's logs puts the lab's name there.
    `program` is the daemon's short name (`smtp`, `qmgr`, `dovecot`), `queue_id` is empty for
    a line about no queue file, `text` is what the program said.
    """

    time: datetime
    host: str
    program: str
    pid: int
    queue_id: str
    text: str
    event: Event | None = None

    @property
    def is_complaint(self) -> bool:
        """Whether the line may explain a failure."""
        if isinstance(self.event, Attempt):
            return self.event.status != "sent"
        return self.text.startswith(_COMPLAINTS)

    def __str__(self) -> str:
        parts = (f"{self.program}[{self.pid}]" if self.pid else self.program, self.queue_id)
        return ": ".join(part for part in (*parts, self.text) if part)


def parse_line(line: str, now: datetime) -> Record | None:
    """One syslog line as a Record; None for a line that is none (a cut one, a journal remark).

    `now` is the host's own time with its offset from UTC: an RFC 3164 stamp has neither year
    nor offset, and takes both from it.
    """
    found = _LINE.fullmatch(line.rstrip("\n"))
    time = _time(found["stamp"], now) if found else None
    if found is None or time is None:
        return None
    program, text, queue_id = found["tag"], found["text"], ""
    event: Event | None = None
    if program.startswith("postfix"):
        # `postfix/submission/smtpd`, `postfix-out/smtp`: the daemon is the last part.
        program = program.rsplit("/", 1)[-1]
        if queued := _QUEUED.fullmatch(text):
            queue_id, text = queued["queue_id"], queued["text"]
            event = _event(text)
        elif text.startswith("NOQUEUE: "):
            text = text.removeprefix("NOQUEUE: ")
    return Record(time, found["host"], program, int(found["pid"] or 0), queue_id, text, event)


def _event(text: str) -> Event | None:
    if text == "removed":
        return Removed()
    for pattern, make in _READERS:
        if found := pattern.match(text):
            return make(found)
    return None


def _attempt(found: re.Match[str]) -> Event | None:
    four = tuple(float(part) for part in found["delays"].split("/"))
    if len(four) != 4:
        return None
    return Attempt(
        recipient=found["to"],
        original_recipient=found["orig_to"] or "",
        relay=found["relay"],
        delay=float(found["delay"]),
        delays=four,
        dsn=found["dsn"],
        status=found["status"],
        detail=found["detail"] or "",
    )


_READERS = (
    (_ATTEMPT, _attempt),
    (_PICKED_UP, lambda found: PickedUp(int(found["uid"]), found["sender"])),
    (
        _ACCEPTED,
        lambda found: Accepted(found["client"], found["method"] or "", found["user"] or ""),
    ),
    (_IDENTIFIED, lambda found: Identified(found["id"].strip().strip("<>"))),
    (
        _ACTIVATED,
        lambda found: Activated(found["sender"], int(found["size"]), int(found["count"])),
    ),
    (_NOTIFIED, lambda found: Notified(found["kind"], found["queue_id"])),
)


def _time(stamp: str, now: datetime) -> datetime | None:
    try:
        if stamp[0].isdigit():
            return datetime.fromisoformat(stamp)
        # With the year in front, for February 29 exists only in some.
        time = datetime.strptime(f"{now.year} {stamp}", "%Y %b %d %H:%M:%S")
        time = time.replace(tzinfo=now.tzinfo)
        # A line of December read in January; a day's grace for a clock that runs ahead.
        return time if time <= now + timedelta(days=1) else time.replace(year=now.year - 1)
    except ValueError:
        return None
