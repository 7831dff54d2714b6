"""What the two people write to each other in a mail test, and how far each message came."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from labctl.lab import Host
from labctl.mailtest.journey import visits_of
from labctl.mailtest.postfixevents import Activated, Identified, PickedUp
from labctl.mailtest.postfixlog import Record


@dataclass(frozen=True)
class Letter:
    """A message as it is written. `token` is in its header and identifies it.

    `message_id` is "" if `mail` or Postfix chooses it.
    """

    kind: str
    sender: Host
    recipient: Host
    subject: str
    body: str
    token: str
    message_id: str = ""


@dataclass(frozen=True)
class Sending:
    """How far a letter came.

    `begun` and `ended` are seconds of the monotonic clock. `words` is what `mail` or a server
    said if something went wrong. `found_id` is the Message-ID that the reader saw.
    """

    letter: Letter
    begun: float = 0.0
    ended: float = 0.0
    sent: bool = False
    arrived: bool = False
    read: bool = False
    given_up: bool = False
    words: str = ""
    found_id: str = ""

    @property
    def message_id(self) -> str:
        """The Message-ID, or "" if nobody has seen it."""
        return self.letter.message_id or self.found_id

    @property
    def is_under_way(self) -> bool:
        """Whether the letter may still arrive."""
        return self.sent and not self.arrived and not self.given_up


def new_run_id() -> str:
    """A new mark for all messages of one run: in headers, boxes and queues."""
    return f"labctl.{secrets.token_hex(8)}"


def first_letters(hosts: Sequence[Host], run_id: str) -> tuple[Letter, ...]:
    """What each account writes first: one message to the other, one to itself."""
    letters = []
    for sender, peer in zip(hosts, reversed(hosts), strict=True):
        for kind, recipient in (("message", peer), ("local", sender)):
            token = f"{run_id}.{kind}@{sender.domain}"
            letters.append(
                Letter(
                    kind=kind,
                    sender=sender,
                    recipient=recipient,
                    subject=f"Test mail from {sender.account}",
                    body=f"This is test mail from {sender.account}",
                    token=token,
                    message_id=token,
                )
            )
    return tuple(letters)


def answer_to(letter: Letter) -> Letter:
    """The answer of its reader. `mail` puts the token into its References header."""
    return Letter(
        kind="answer",
        sender=letter.recipient,
        recipient=letter.sender,
        subject=f"Re: {letter.subject}",
        body=f"This is the answer of {letter.recipient.account}",
        token=letter.token,
    )


def id_from_logs(letter: Letter, logs: Sequence[Record], run_id: str) -> str:
    """The Message-ID that Postfix gave a letter which nobody read: only the log has it.

    Returns:
        The id of the sender's first message to that recipient without an id of this run. If
        there is none, that of his first message to anybody, because an answer may go to a wrong
        address. Otherwise "".
    """
    found: list[tuple[bool, str]] = []
    for visit in visits_of(record for record in logs if record.host == letter.sender.name):
        events = [record.event for record in visit.records]
        # pickup logs the sender as given, the queue manager with its domain.
        senders = {e.sender for e in events if isinstance(e, PickedUp | Activated)}
        picked_up = any(isinstance(e, PickedUp) for e in events)
        ours = picked_up and letter.sender.mailbox in senders
        ids = [e.message_id for e in events if isinstance(e, Identified)]
        if ours and ids and not ids[0].startswith(run_id) and not visit.is_probe:
            to = {attempt.recipient for attempt in visit.attempts}
            found.append((to != {letter.recipient.mailbox}, ids[0]))
    return min(found, key=lambda each: each[0], default=(True, ""))[1]
