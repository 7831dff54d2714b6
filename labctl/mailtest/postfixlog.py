"""Reads Postfix's log: from each line which queue file it is about, and the event.

Postfix reports the fate of a message in its log only, so the lines are parsed here. What an event
means for the message is in `postfixevents`.

Source: Postfix 3.7 to 3.11, src/global/log_adhoc.c, src/qmgr/qmgr_active.c,
src/cleanup/cleanup_message.c, src/cleanup/cleanup_milter.c, src/bounce/, src/postsuper/. Time
stamps are those of rsyslog (RFC 3164, RFC 3339, RFC 5424), of `journalctl -o short-iso-precise`
and of postlogd(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from labctl.mailtest.postfixevents import (
    QUEUE_ID,
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

_STAMP = (
    r"(?P<stamp>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d))"
)
_LINE = re.compile(
    rf"(?:<\d+>)?{_STAMP} (?P<host>\S+) (?P<tag>[^\s\[:]+)(?:\[(?P<pid>\d+)\])?: (?P<text>.*)"
)
# RFC 5424: version, stamp, host, program, process, message id, structured data, text. rsyslog
# cuts `postfix/smtp` down to `postfix`.
_LINE_5424 = re.compile(
    rf"(?:<\d+>)?1 {_STAMP} (?P<host>\S+) (?P<tag>\S+) (?:(?P<pid>\d+)|-) \S+ "
    r'(?:-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+) \ufeff? ?(?P<text>.*)'
)
# rsyslog's $RepeatedMsgReduction. The lines it leaves out carry no stamps of their own.
_REPEATED = re.compile(r"message repeated (?P<count>\d+) times: \[ ?(?P<text>.*)\]")
# `Q: text`.
_QUEUED = re.compile(rf"(?P<queue_id>{QUEUE_ID}): (?P<text>.*)")
# An address in angle brackets. A quoted local part may hold any character.
_ADDRESS = r'(?:"(?:[^"\\]|\\.)*"|[^">])*'
# All that Postfix writes of a try (its source, src/global/sent.c, bounce.c, defer.c, verify.c). The
# beginning of a word, in a line that is still being written, is none.
_STATUS = "sent|bounced|deferred|expired|SOFTBOUNCE|deliverable|undeliverable"
_ATTEMPT = re.compile(
    rf"to=<(?P<to>{_ADDRESS})>, (?:orig_to=<(?P<orig_to>{_ADDRESS})>, )?relay=(?P<relay>[^,]+), "
    r"(?:conn_use=\d+, )?delay=(?P<delay>[\d.]+), delays=(?P<delays>[\d./]+), "
    r"(?:tls=[^,]*, )?"
    rf"dsn=(?P<dsn>[\d.]+), status=(?P<status>{_STATUS})(?: \((?P<detail>.*)\))?"
)
_PICKED_UP = re.compile(rf"uid=(?P<uid>\d+) from=<(?P<sender>{_ADDRESS})>(?: orig_id=\w+)?")
_ACCEPTED = re.compile(
    r"client=(?P<client>[^,]+)(?:, sasl_method=[^,]+)?"
    r"(?:, sasl_username=(?P<user>[^,]+))?"
)
_IDENTIFIED = re.compile(r"(?P<resent>resent-)?message-id=(?P<id>.*)")
_ACTIVATED = re.compile(rf"from=<(?P<sender>{_ADDRESS})>, size=(?P<size>\d+), nrcpt=(?P<count>\d+)")
_EXPIRED = re.compile(
    rf"from=<(?P<sender>{_ADDRESS})>, status=(?P<status>(?:force-)?expired), returned to sender"
)
_NOTIFIED = re.compile(
    rf"(?P<reader>sender|postmaster) (?P<kind>[\w -]+) notification: (?P<queue_id>{QUEUE_ID})"
)
# `reject: RCPT from`, `milter-reject: END-OF-MESSAGE from`, `milter-header-hold: header`.
_INSPECTED = re.compile(
    r"(?:milter-(?:(?:header|body|content)-)?)?(?P<action>reject|discard|hold): (?P<where>\S+)"
)
_COMPLAINTS = ("warning:", "error:", "fatal:", "panic:", "connect to ")
# What header_checks(5) and body_checks(5) log for a WARN rule is no failure.
_WARN_RULE = re.compile(r"warning: (?:header|body|content) ")
# The programs that syslog names `SYSLOG_NAME/PROGRAM`, whatever $syslog_name is (postconf(5)).
_PROGRAMS = frozenset(
    {
        "anvil", "bounce", "cleanup", "discard", "dnsblog", "error", "flush", "lmtp", "local",
        "master", "nqmgr", "oqmgr", "pickup", "pipe", "postalias", "postcat", "postconf",
        "postdrop", "postfix", "postfix-script", "postfix-tls-script", "postkick", "postlock",
        "postlog", "postlogd", "postmap", "postmulti", "postmulti-script", "postqueue",
        "postscreen", "postsuper",
        "proxymap", "qmgr", "qmqpd", "scache", "sendmail", "showq", "smtp", "smtpd", "spawn",
        "tlsmgr", "tlsproxy", "trivial-rewrite", "verify", "virtual",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Record:
    """One log line. `event` is None for a line that is no station of a message's way.

    `host` is the name in the line; whoever reads a lab's logs replaces it by the lab's name.
    `program` is the daemon's short name (`smtp`, `qmgr`, `dovecot`), `queue_id` is "" for a
    line about no queue file, `text` is what the program said.
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
            return self.event.is_failure
        if isinstance(self.event, Expired) or _INSPECTED.match(self.text):
            return True
        return self.text.startswith(_COMPLAINTS) and not _WARN_RULE.match(self.text)

    def __str__(self) -> str:
        parts = (f"{self.program}[{self.pid}]" if self.pid else self.program, self.queue_id)
        return ": ".join(part for part in (*parts, self.text) if part)


def parse_lines(line: str, now: datetime) -> Iterator[Record]:
    """The records of one line of a mail log.

    There are several for `message repeated N times`, and none for a line that is cut or is not
    of the log, like a remark of the journal.

    Args:
        now: the host's own time with its offset from UTC. An RFC 3164 stamp has neither year
            nor offset, and takes both from it.
    """
    text = line.rstrip("\n")
    found = _LINE.fullmatch(text) or _LINE_5424.fullmatch(text)
    time = _time(found["stamp"], now) if found else None
    if found is None or time is None:
        return
    said, count = found["text"], 1
    if repeated := _REPEATED.fullmatch(said):
        said, count = repeated["text"], int(repeated["count"])
    pid = int(found["pid"] or 0)
    record = _record(time, found["host"], found["tag"], pid, said)
    for _number in range(count):
        yield record


def _record(time: datetime, host: str, tag: str, pid: int, text: str) -> Record:
    queue_id, event = "", None
    program = tag.rsplit("/", 1)[-1]
    # `postfix/submission/smtpd`, `postfix-out/smtp`, `mta/qmgr`: the daemon is the last part.
    if tag.startswith("postfix") or ("/" in tag and program in _PROGRAMS):
        if queued := _QUEUED.fullmatch(text):
            queue_id, text = queued["queue_id"], queued["text"]
            event = _event(program, text)
        elif text.startswith("NOQUEUE: "):
            text = text.removeprefix("NOQUEUE: ")
    else:
        program = tag
    return Record(time, host, program, pid, queue_id, text, event)


def _event(program: str, text: str) -> Event | None:
    if whole := _WHOLE_LINES.get(text):
        return whole
    if found := _ATTEMPT.fullmatch(text):
        return _attempt(program, found)
    for pattern, make in _READERS:
        if found := pattern.match(text):
            return make(found)
    return None


def _attempt(program: str, found: re.Match[str]) -> Event | None:
    try:
        before, queued, connecting, sending = (float(part) for part in found["delays"].split("/"))
        delay = float(found["delay"])
    except ValueError:
        return None
    return Attempt(
        agent=program,
        recipient=found["to"],
        original_recipient=found["orig_to"] or "",
        relay=found["relay"],
        delay=delay,
        delays=(before, queued, connecting, sending),
        dsn=found["dsn"],
        status=found["status"],
        detail=found["detail"] or "",
    )


_WHOLE_LINES: dict[str, Event] = {
    "removed": Removed(),
    # cleanup(8) of Postfix 3.10, after a rule that rejects or discards.
    "removed (discarded)": Removed(),
    "requeued": Requeued(),
    "placed on hold": Held(released=False),
    "released from hold": Held(released=True),
}
_READERS = (
    (
        _PICKED_UP,
        lambda found: PickedUp(int(found["uid"]), found["sender"]),
    ),
    (
        _ACCEPTED,
        lambda found: Accepted(found["client"], found["user"] or ""),
    ),
    (
        _IDENTIFIED,
        lambda found: Identified(found["id"].strip().strip("<>"), bool(found["resent"])),
    ),
    (
        _ACTIVATED,
        lambda found: Activated(found["sender"], int(found["size"]), int(found["count"])),
    ),
    (_EXPIRED, lambda found: Expired(found["sender"], found["status"])),
    (
        _NOTIFIED,
        lambda found: Notified(found["reader"], found["kind"], found["queue_id"]),
    ),
    (_INSPECTED, lambda found: Inspected(found["action"], found["where"])),
)


def _time(stamp: str, now: datetime) -> datetime | None:
    try:
        if stamp[0].isdigit():
            return datetime.fromisoformat(stamp)
        # With the year in front, because February 29 exists only in some.
        time = datetime.strptime(f"{now.year} {stamp}", "%Y %b %d %H:%M:%S")
        time = time.replace(tzinfo=now.tzinfo)
        # A line of December read in January; a day's grace for a clock that runs ahead.
        return time if time <= now + timedelta(days=1) else time.replace(year=now.year - 1)
    except ValueError:
        return None
