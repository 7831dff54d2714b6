"""A stream of messages that a host sends by itself, and its own record of what was accepted.

The stream is a systemd unit on the host, so it continues while labctl causes a fault. The answer
of sendmail(1) to each message is on the host's disk before the next one is sent. So neither a
lost connection nor a power cut removes one from the record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from labctl.errors import WrongState
from labctl.i18n import _
from labctl.mailtest.mailcommand import user_of
from labctl.scripts import Script
from labctl.waiting import wait_until
from provision.step import Target

Answer = Literal["accepted", "refused", "unanswered"]

_UNIT = "labctl-mailtest-stream"
# Seconds between two messages of a host.
_PACE = "0.1"
# Seconds that the stream may take: in any case, and for each message.
_PATIENCE, _PATIENCE_EACH = 60.0, 2.0

_SEND = Script("labctl.mailtest", "stream-send.sh")
_PREPARE = Script("labctl.mailtest", "stream-prepare.sh")
_START = Script("labctl.mailtest", "stream-start.sh")
_REMOVE = Script("labctl.mailtest", "stream-remove.sh")
_LINE = re.compile(
    r"(?P<what>begin|end) (?P<number>\d+)(?: (?P<code>\d+) (?P<words>.*)| unanswered)?"
)


@dataclass(frozen=True)
class Sent:
    """A message of the stream, identified by its `token`, and how sendmail answered on `host`.

    `unanswered` means that the host lost its power during the submission: nobody was told that
    the message was accepted. `words` is what sendmail said.
    """

    token: str
    phase: str
    host: str
    answer: Answer
    words: str


class Stream:
    """The stream of one host to the other. A phase is a part of it, with a number of messages."""

    def __init__(self, target: Target, run_id: str, folder: str) -> None:
        self._target = target
        self._run_id = run_id
        self._folder = folder

    @property
    def host(self) -> str:
        return self._target.host.name

    def start(self, phase: str, last: int) -> None:
        """Let the stream run up to message `last` of the phase, unless it runs already."""
        host, peer = self._target.host, self._target.peer
        before, behind = self._around(phase)
        self._target.remote.script(
            _START,
            *(self._record(phase), user_of(self._target), _unit(phase), f"{self._folder}/send"),
            *(str(last), before, behind, host.mailbox, peer.mailbox, _PACE),
        )

    def wait(self, phase: str, number: int) -> None:
        """Wait until message `number` of the phase was answered.

        Raises:
            WrongState: the stream has stopped.
        """
        seconds = _PATIENCE + _PATIENCE_EACH * number

        def passed() -> bool:
            read = self._read(phase)
            return number == 0 or f"end {number} " in read

        if not wait_until(seconds, passed):
            unit = self._target.remote.run(["systemctl", "status", _unit(phase)], check=False)
            raise WrongState(
                _("{host} stopped sending mail", host=self.host), cause=unit.stdout[-600:]
            )

    def sent(self, phase: str) -> tuple[Sent, ...]:
        """What the host recorded of the phase."""
        return read_record(self._read(phase), self.host, phase, *self._around(phase))

    def _around(self, phase: str) -> tuple[str, str]:
        return f"{self._run_id}.{phase}.", f"@{self._target.host.domain}"

    def _record(self, phase: str) -> str:
        return f"{self._folder}/{phase}"

    def _read(self, phase: str) -> str:
        return self._target.remote.run(["cat", self._record(phase)]).stdout


def _unit(phase: str) -> str:
    # One for each phase, because the last one may still be ending when the next begins.
    return f"{_UNIT}-{phase}"


def read_record(text: str, host: str, phase: str, before: str, behind: str) -> tuple[Sent, ...]:
    """A record's lines as messages. A line that a power cut left half written does not count."""
    answers: dict[str, tuple[Answer, str]] = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        if found["what"] == "begin":
            answers[found["number"]] = ("unanswered", "")
        elif found["code"] is not None:
            answer: Answer = "accepted" if found["code"] == "0" else "refused"
            answers[found["number"]] = (answer, found["words"].strip())
    return tuple(
        Sent(f"{before}{number}{behind}", phase, host, answer, words)
        for number, (answer, words) in answers.items()
    )


@contextmanager
def streams(targets: Sequence[Target], run_id: str) -> Iterator[Mapping[str, Stream]]:
    """A stream for each host, by name. They are stopped and removed at the end."""
    folders = {target.host.name: _prepare(target) for target in targets}
    try:
        yield {
            target.host.name: Stream(target, run_id, folders[target.host.name])
            for target in targets
        }
    finally:
        for target in targets:
            target.remote.script(_REMOVE, _UNIT, folders[target.host.name])


def _prepare(target: Target) -> str:
    done = target.remote.script(_PREPARE, user_of(target), _UNIT, stdin=_SEND.text)
    return done.stdout.strip()
