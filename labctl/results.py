"""Results of operations, as frozen data. `labctl.render` turns them into text or JSON."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labctl.i18n import N_


class Outcome(StrEnum):
    """The outcome of one section on one host."""

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
    """One result of a check.

    `code` identifies the finding for programs and tests (`postfix.mydestination`). `found` and
    `expected` are values that a user can compare. `hint` leads to the cause without giving the
    answer, `solution` is the correct line. `remark` says how a right setting differs from the
    book's.
    """

    code: str
    ok: bool
    what: str
    found: str = ""
    expected: str = ""
    hint: str = ""
    solution: str = ""
    remark: str = ""


@dataclass(frozen=True)
class StepReport:
    """The result of applying or checking one step on one host. `seconds` is elapsed time."""

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
    """The state of one host as the provider sees it."""

    ABSENT = N_("absent")
    STOPPED = N_("stopped")
    RUNNING = N_("running")
    BROKEN = N_("broken")


@dataclass(frozen=True)
class CheckpointInfo:
    """A saved state of the whole lab. `created` is ISO 8601 with offset.

    `size` is in bytes, without what earlier checkpoints have too, or 0 if it was not measured.
    `origin` is `up`, or `reset` for the state before a reset.
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
    through, in order. `cause` says why it failed (labctl.mailtest.explain.FailureCause), or is "".
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
    """A test of the mail test other than a delivery: a lookup, a login, a refusal.

    `code` identifies it for programs (`negative.wrong-password`), `what` describes it.
    `expected` and `found` are values that a user can compare.
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
    """The result of a mail test. `started` is ISO 8601 with offset, `seconds` is the duration."""

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
    """One phase of the stress test, with its fault.

    `name` is `quiet`, `postfix-killed`, `network-cut`, `host-stopped` or `power-cut`. Numbers
    of messages: `sent` were started, and sendmail `accepted` or `refused` them or left them
    `unanswered` (the host lost its power). `held` were in queues before the repair. At the end
    `delivered` are in mailboxes and `waiting` only in queues. `lost`, `duplicates` and
    `repeated` are the fates of Astray.
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
    """A message that was lost or arrived more than once.

    `fate` is `lost`, `duplicate`, or `repeated`: a second copy for which the logs show the
    cause, in the `window` that SMTP leaves open (`submission`, `smtp` or `local`). `queue_ids`
    are host and queue id, `story` are the log lines.
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
    """The result of a stress test. `started` is ISO 8601 with offset, `seconds` is the duration."""

    started: str
    seconds: float
    phases: tuple[StressPhase, ...]
    astray: tuple[Astray, ...]

    @property
    def ok(self) -> bool:
        """Whether every phase accepted mail, and no message was lost or duplicated unexplained."""
        return all(phase.accepted for phase in self.phases) and all(
            one.fate == "repeated" for one in self.astray
        )
