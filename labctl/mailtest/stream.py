"""A stream of messages that a host sends by itself, and its own record of what was accepted.

It runs as a unit of systemd on the host, so it goes on while labctl is busy with a fault. What
sendmail(1) said of each message is on the host's disk before the next one is sent: neither a
lost connection nor a power cut makes the record forget one.
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
from labctl.waiting import wait_until
from provision.step import Target

Answer = Literal["accepted", "refused", "unanswered"]

_UNIT = "labctl-mailtest-stream"
# Seconds between two messages of a host.
_PACE = "0.1"
# How long the stream may take, in seconds: as a whole, and for each message.
_PATIENCE, _PATIENCE_EACH = 60.0, 2.0

# Arguments: the record, the last number, what stands before and behind a token's number, from, to.
# It goes on behind the last number that was begun, for a message whose answer nobody has seen
# may have been accepted.
_SEND = """\
record=$1 last=$2 before=$3 behind=$4 from=$5 to=$6
number=$(grep -c '^begin ' "$record") || :
[ "$number" = 0 ] || grep -q "^end $number " "$record" || echo "end $number unanswered" >>"$record"
while [ "$number" -lt "$last" ]; do
  number=$((number + 1))
  echo "begin $number" >>"$record"
  sync "$record"
  code=0
  words=$(/usr/sbin/sendmail -i -f "$from" "$to" 2>&1 <<MESSAGE
From: $from
To: $to
Subject: Stress test, message $number
Message-ID: <$before$number$behind>

This is message $number of the stress test.
MESSAGE
  ) || code=$?
  echo "end $number $code $(printf %s "$words" | tr '\\n' ' ')" >>"$record"
  sync "$record"
  sleep "$7"
done
"""
_PREPARE = """
systemctl stop "$2-*" 2>/dev/null || :
rm -rf /var/tmp/labctl-mailtest-stream.*
folder=$(mktemp -d /var/tmp/labctl-mailtest-stream.XXXXXXXX)
cat >"$folder/send"
chown -R "$1:" "$folder"
# What the test stands on must outlive a power cut; its messages are Postfix's care.
sync
echo "$folder"
"""
_START = """
record=$1 user=$2 unit=$3 script=$4; shift 4
[ -e "$record" ] || install -o "$user" -m 644 /dev/null "$record"
# One that has sent its last message may still be ending.
grep -q "^end $1 " "$record" || systemctl is-active --quiet "$unit" ||
  systemd-run --quiet --collect --unit "$unit" --uid "$user" sh "$script" "$record" "$@"
"""
_REMOVE = """
systemctl stop "$1-*" 2>/dev/null || :
rm -rf "$2"
"""
_LINE = re.compile(
    r"(?P<what>begin|end) (?P<number>\d+)(?: (?P<code>\d+) (?P<words>.*)| unanswered)?"
)


@dataclass(frozen=True)
class Sent:
    """A message of the stream, known by its `token`, and how sendmail answered on `host`.

    `unanswered` is one that was being handed over when the host lost its power: nobody was
    told that it was accepted. `words` is what sendmail said.
    """

    token: str
    phase: str
    host: str
    answer: Answer
    words: str


class Stream:
    """The stream of one host to the other. `phase` names a part of it, of so many messages."""

    def __init__(self, target: Target, run_id: str, folder: str) -> None:
        self._target = target
        self._run_id = run_id
        self._folder = folder

    @property
    def host(self) -> str:
        return self._target.host.name

    def start(self, phase: str, last: int) -> None:
        """Lets the stream go on up to message `last` of the phase, where it does not run yet."""
        host, peer = self._target.host, self._target.peer
        before, behind = self._around(phase)
        self._target.remote.script(
            _START,
            *(self._record(phase), user_of(self._target), _unit(phase), f"{self._folder}/send"),
            *(str(last), before, behind, host.mailbox, peer.mailbox, _PACE),
        )

    def wait(self, phase: str, number: int) -> None:
        """Waits until so many messages of the phase were answered or given up.

        Raises WrongState where the stream stands still.
        """
        seconds = _PATIENCE + _PATIENCE_EACH * number

        def passed() -> bool:
            read = self._read(phase)
            return number == 0 or f"end {number} " in read

        if not wait_until(seconds, passed):
            unit = self._target.remote.run(["systemctl", "status", _unit(phase)], check=False)
            raise WrongState(
                _("{host} sends no more mail", host=self.host), cause=unit.stdout[-600:]
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
    # One for each phase: the last one may still be ending when the next begins.
    return f"{_UNIT}-{phase}"


def read_record(text: str, host: str, phase: str, before: str, behind: str) -> tuple[Sent, ...]:
    """A record's lines as messages; a line that a power cut left half written says nothing."""
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
    """A stream for each host, by name; ended and removed from the hosts at the end."""
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
    argv = ["sh", "-euc", _PREPARE, "sh", user_of(target), _UNIT]
    return target.remote.run(argv, stdin=_SEND).stdout.strip()
