"""What operations found, as frozen data. `render.py` turns it into text, JSON or JUnit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labctl.i18n import N_


class Outcome(StrEnum):
    """How one section stands on one host."""

    OK = "ok"
    FAILED = "failed"
    BLOCKED = "blocked"


class ChangeKind(StrEnum):
    """What a step can do to a host. A script on a host prints these words."""

    WROTE = "wrote"
    INSTALLED = "installed"
    ENABLED = "enabled"
    STARTED = "started"
    RESTARTED = "restarted"
    RELOADED = "reloaded"
    BUILT = "built"
    MADE = "made"
    MADE_PASSABLE = "made-passable"
    SET_OWNER = "set-owner"
    SET_PASSWORD = "set-password"
    ENDED_EXPIRY = "ended-expiry"
    GAVE_SHELL = "gave-shell"
    ADDED_ACCOUNT = "added-account"
    ADDED_GROUP = "added-group"
    ADDED_POSTFIX_TO_GROUP = "added-postfix-to-group"
    ADDED_STATOVERRIDE = "added-statoverride"
    CHROOTED = "chrooted"
    CLEARED_MAIL = "cleared-mail"
    CLEARED_SETTINGS = "cleared-settings"


@dataclass(frozen=True)
class Change:
    """One thing that a step changed on a host. `subject` is a path, unit, package or account."""

    kind: ChangeKind
    subject: str


@dataclass(frozen=True)
class Finding:
    """One thing a check looked at.

    `code` names the thing looked at for machines and tests (`postfix.mydestination`);
    `found` and `expected` are values as a person would compare them. `hint` leads to the
    cause without giving the line away, `solution` is the line.
    """

    code: str
    ok: bool
    what: str
    found: str = ""
    expected: str = ""
    hint: str = ""
    solution: str = ""


@dataclass(frozen=True)
class StepReport:
    """What applying or checking one step on one host gave; `seconds` is wall time."""

    step: str
    section: str
    host: str
    seconds: float
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    blocked_by: str = ""

    @property
    def outcome(self) -> Outcome:
        if self.blocked_by:
            return Outcome.BLOCKED
        return Outcome.OK if all(finding.ok for finding in self.findings) else Outcome.FAILED


class HostState(StrEnum):
    """What a provider sees of one host."""

    ABSENT = N_("absent")
    STOPPED = N_("stopped")
    RUNNING = N_("running")
    BROKEN = N_("broken")


@dataclass(frozen=True)
class CheckpointInfo:
    """A saved state of the whole lab. `created` is ISO 8601 with offset.

    `size` is in bytes, 0 where it was not measured. `origin` says what made it: `up` or `reset`
    (the state before one).
    """

    name: str
    created: str
    size: int
    origin: str


@dataclass(frozen=True)
class Hop:
    """One queue that a message went through.

    `status` is Postfix's word (`sent`, `deferred`, `bounced`, `SOFTBOUNCE`, `deliverable`,
    `undeliverable`, `expired`, `force-expired`), or `queued`, `held`, `rejected` or `discarded`
    if there was no delivery. `delays` are Postfix's four, in seconds: before the queue manager,
    in the queue, connecting, sending (postconf(5), delay_logging_resolution_limit).
    """

    host: str
    queue_id: str
    status: str
    relay: str
    delay: float
    delays: tuple[float, float, float, float]
    dsn: str = ""
    detail: str = ""
    recipient: str = ""


@dataclass(frozen=True)
class Delivery:
    """One message of the mail test, from `mail` to `mail`.

    `kind` is `message` (to the other host), `answer` (by `mail`'s reply command), `local` (to
    oneself), `client` (over SMTP, fetched by IMAP and POP3) or `queued` (for a host that was
    off). `seconds` is from sent to read, of at most `timeout`. `hops` are the queues it went
    through, in order. `cause` says why it failed (labctl.mailtest.explain.Cause), or is "".
    `evidence` are the lines of `mail` and the logs that show it.
    """

    kind: str
    sender: str
    recipient: str
    subject: str
    message_id: str
    arrived: bool
    read: bool
    seconds: float
    hops: tuple[Hop, ...] = ()
    cause: str = ""
    evidence: tuple[str, ...] = ()
    timeout: float = 0.0

    @property
    def ok(self) -> bool:
        return self.arrived and self.read


@dataclass(frozen=True)
class Trial:
    """One thing the mail test tried beside deliveries: a lookup, a login, a refusal.

    `code` names it for machines (`negative.wrong-password`), `what` is the sentence;
    `expected` and `found` are what a person would compare.
    """

    code: str
    host: str
    what: str
    ok: bool
    expected: str
    found: str
    seconds: float


@dataclass(frozen=True)
class MailTestResult:
    """What a mail test found; `started` is ISO 8601 with offset, `seconds` the whole test."""

    started: str
    seconds: float
    deliveries: tuple[Delivery, ...]
    trials: tuple[Trial, ...] = ()

    @property
    def ok(self) -> bool:
        return all(delivery.ok for delivery in self.deliveries) and all(
            trial.ok for trial in self.trials
        )


@dataclass(frozen=True)
class StressPhase:
    """One part of the stream of messages, and the fault that befell it.

    `name` is `quiet`, `postfix-killed`, `network-cut`, `host-stopped` or `power-cut`. Numbers
    of messages: `sent` is all that were begun, of which `accepted`, `refused` or left
    `unanswered` (the host lost its power meanwhile); `held` lay in queues before the fault was
    mended; at the end `delivered` are in mailboxes, `waiting` in queues only. `lost`,
    `duplicates` and `repeated` are Astray's fates.
    """

    name: str
    what: str
    seconds: float
    sent: int
    accepted: int
    refused: int
    unanswered: int
    held: int
    delivered: int
    waiting: int
    lost: int
    duplicates: int
    repeated: int


@dataclass(frozen=True)
class Astray:
    """A message that is lost or came more than once.

    `fate` is `lost`, `duplicate`, or `repeated`: a second copy for which the logs show the
    cause, in the `window` that SMTP leaves open (`submission`, `smtp` or `local`). `queue_ids`
    are host and queue id; `story` what the logs tell.
    """

    token: str
    phase: str
    sender: str
    recipient: str
    fate: str
    copies: int
    window: str
    queue_ids: tuple[str, ...]
    story: tuple[str, ...]


@dataclass(frozen=True)
class StressResult:
    """What became of the stream; `started` is ISO 8601 with offset, `seconds` the whole test."""

    started: str
    seconds: float
    phases: tuple[StressPhase, ...]
    astray: tuple[Astray, ...]

    @property
    def ok(self) -> bool:
        """Whether mail was accepted in every phase, and none is lost or came twice unexcused."""
        return all(phase.accepted for phase in self.phases) and all(
            one.fate == "repeated" for one in self.astray
        )
