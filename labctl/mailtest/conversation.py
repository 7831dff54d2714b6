"""The textbook's own mail test: two people write to each other with `mail`, and answer.

Section 「mailコマンドを使ったメール送受信のテスト」, both ways at once. Each recipient reads the
message by `mail` and answers by its reply command, which proves the sender's address. Each
account also writes to itself. At the end messages, queues and boxes are as they were.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from labctl.i18n import _
from labctl.mailtest.journey import Journey
from labctl.mailtest.letters import Letter, Sending, first_letters, new_run_id
from labctl.mailtest.mailcommand import read_by_mail, user_of, write_by_mail
from labctl.mailtest.watch import Watch
from labctl.progress import Progress, silent
from labctl.results import MailTestResult
from labctl.waiting import wait_until
from provision.mailbox import boxes_kept, find_messages, maildrop, waits_for_postfix
from provision.step import Target

# Seconds between two looks at the senders' logs. Meanwhile the hosts watch their mailboxes.
_LOOK = 1.0

_Key = tuple[str, str]


def run_mail_test(
    targets: Mapping[str, Target], *, timeout: float = 30.0, progress: Progress = silent
) -> MailTestResult:
    """Run the test between the lab's two mail servers.

    Args:
        targets: the servers by name, with open connections.
        timeout: the seconds that a message may take. A message that a server refused or put off
            is given up at once.

    Returns:
        The result. A message that does not arrive is a result, not an error.

    Raises:
        LabError: a host cannot be reached.
    """
    return _Conversation(targets, timeout, progress).run()


class _Conversation:
    """One run."""

    def __init__(self, targets: Mapping[str, Target], timeout: float, progress: Progress) -> None:
        self._timeout = timeout
        self._progress = progress
        self._watch = Watch(targets, new_run_id())
        self._targets = self._watch.targets

    def run(self) -> MailTestResult:
        started, begun = datetime.now().astimezone(), time.monotonic()
        hosts = [target.host for target in self._targets.values()]
        with boxes_kept(list(self._targets.values()), self._watch.run_id):
            written = self._send(first_letters(hosts, self._watch.run_id))
            messages, answers = self._receive(written)
            answers, _none = self._receive(answers)
            everything = (*messages, *answers)
            logs = self._watch.settled_logs(everything)
        deliveries = tuple(self._watch.delivery(each, logs, self._timeout) for each in everything)
        return MailTestResult(
            started.isoformat(timespec="seconds"), time.monotonic() - begun, deliveries
        )

    def _send(self, letters: Sequence[Letter]) -> tuple[Sending, ...]:
        def write(target: Target) -> list[Sending]:
            own = [letter for letter in letters if letter.sender == target.host]
            return [self._write_one(target, letter) for letter in own]

        return tuple(each for sent in self._watch.on_both(write).values() for each in sent)

    def _write_one(self, target: Target, letter: Letter) -> Sending:
        self._progress(target.host.name, _("mail to {address}", address=letter.recipient.mailbox))
        return write_by_mail(target, letter, letter.recipient.mailbox)

    def _receive(
        self, sendings: Sequence[Sending]
    ) -> tuple[tuple[Sending, ...], tuple[Sending, ...]]:
        """Wait for the letters and read each as it comes. Returns them, and the answers."""
        state = {_key(each): each for each in sendings}
        answers: list[Sending] = []

        def look() -> bool:
            read = self._watch.on_both(lambda t: self._read_new(t, list(state.values())))
            for new, given in read.values():
                state.update({_key(each): each for each in new})
                answers.extend(given)
            state.update({_key(each): each for each in self._judged(state.values())})
            return not any(each.is_under_way for each in state.values())

        # A host that is lost ends the test: another look would answer the letters again.
        wait_until(self._timeout, look, every=0, retry_errors=False)
        late = [replace(x, ended=x.ended or time.monotonic()) for x in state.values()]
        return tuple(late), tuple(answers)

    def _judged(self, sendings: Iterable[Sending]) -> list[Sending]:
        """The letters under way, each given up if it will hardly come."""
        waiting = [each for each in sendings if each.is_under_way]
        logs = self._watch.logs() if waiting else ()
        return [self._judge(each, self._watch.journey(each, logs)) for each in waiting]

    def _judge(self, sending: Sending, journey: Journey) -> Sending:
        """Give a letter up that a server refused or put off, or that no Postfix takes."""
        if journey.failed:
            return replace(sending, given_up=True, ended=time.monotonic())
        sender = self._targets[sending.letter.sender.name]
        if not journey.visits and waits_for_postfix(sender, sending.letter.token):
            return replace(sending, given_up=True, ended=time.monotonic(), words=maildrop(sender))
        return sending

    def _read_new(
        self, target: Target, sendings: Sequence[Sending]
    ) -> tuple[list[Sending], list[Sending]]:
        """Read what has arrived on the host. Returns the read letters, and the answers."""
        waited = [x for x in sendings if x.is_under_way and x.letter.recipient == target.host]
        if not waited:
            return [], []
        self._progress(target.host.name, _("waiting for mail"))
        seconds = min(_LOOK, self._timeout)
        tokens = [each.letter.token for each in waited]
        found = find_messages(target.remote, user_of(target), tokens, seconds)
        arrived = [each for each in waited if each.letter.token in found]
        pairs = [read_by_mail(target, each, found[each.letter.token]) for each in arrived]
        return [read for read, _answer in pairs], [answer for _read, answer in pairs if answer]


def _key(sending: Sending) -> _Key:
    return sending.letter.kind, sending.letter.sender.name
