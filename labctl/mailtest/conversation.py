"""The textbook's own mail test: two people write to each other with `mail`, and answer.

Section 「mailコマンドを使ったメール送受信のテスト」, both ways at once, each message read by
`mail` as its recipient and answered by its reply command, which proves the sender's address;
then a message to oneself. All leave the hosts as they were: messages, queues and boxes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_none

from labctl.i18n import _
from labctl.mailtest.journey import Journey
from labctl.mailtest.letters import Letter, first_letters, new_run_id
from labctl.mailtest.mailcommand import read_by_mail, user_of, write_by_mail
from labctl.mailtest.watch import Watch
from labctl.progress import Progress, silent
from labctl.results import MailTestResult
from provision.mailbox import (
    MAILDROP,
    boxes_kept,
    find_messages,
    waits_for_postfix,
)
from provision.step import Target

# Between two looks at the senders' logs; the mailboxes are watched on the hosts meanwhile.
_LOOK = 1.0


def run_mail_test(
    targets: Mapping[str, Target], *, timeout: float = 30.0, progress: Progress = silent
) -> MailTestResult:
    """Runs the test between the lab's two mail servers, given with open connections by name.

    `timeout` is how many seconds a message may take; one that a server refused or put off is
    given up at once. Raises LabError where a host cannot be reached; a message that does not
    arrive is a result, not an error.
    """
    return _Conversation(targets, timeout, progress).run()


class _Conversation:
    """One run. Each host is talked to by one thread at a time, both hosts at once."""

    def __init__(self, targets: Mapping[str, Target], timeout: float, progress: Progress) -> None:
        self._timeout = timeout
        self._progress = progress
        self._watch = Watch(targets, new_run_id())
        self._targets = self._watch.targets

    def run(self) -> MailTestResult:
        started, begun = datetime.now().astimezone(), time.monotonic()
        hosts = [target.host for target in self._targets.values()]
        with boxes_kept(list(self._targets.values()), self._watch.run_id):
            letters = self._send(first_letters(hosts, self._watch.run_id))
            letters, answers = self._receive(letters)
            answers, _none = self._receive(answers)
            everything = (*letters, *answers)
            logs = self._watch.settled_logs(everything)
        deliveries = tuple(
            self._watch.delivery(letter, logs, self._timeout) for letter in everything
        )
        return MailTestResult(
            started.isoformat(timespec="seconds"), time.monotonic() - begun, deliveries
        )

    def _send(self, letters: Sequence[Letter]) -> tuple[Letter, ...]:
        def write(target: Target) -> list[Letter]:
            own = [letter for letter in letters if letter.sender == target.host]
            return [self._write_one(target, letter) for letter in own]

        return tuple(letter for sent in self._watch.on_both(write).values() for letter in sent)

    def _write_one(self, target: Target, letter: Letter) -> Letter:
        self._progress(target.host.name, _("mail to {address}", address=letter.recipient.mailbox))
        return write_by_mail(target, letter, letter.recipient.mailbox)

    def _receive(self, letters: Sequence[Letter]) -> tuple[tuple[Letter, ...], tuple[Letter, ...]]:
        """Waits for the letters and reads each as it comes; returns them, and the answers."""
        state = {(letter.kind, letter.sender.name): letter for letter in letters}
        answers: list[Letter] = []

        def look() -> bool:
            for read, given in self._watch.on_both(
                lambda target: self._read_new(target, list(state.values()))
            ).values():
                state.update({(letter.kind, letter.sender.name): letter for letter in read})
                answers.extend(given)
            waiting = [letter for letter in state.values() if letter.is_under_way]
            logs = self._watch.logs() if waiting else ()
            for letter in waiting:
                judged = self._judge(letter, self._watch.journey(letter, logs))
                state[letter.kind, letter.sender.name] = judged
            return any(letter.is_under_way for letter in state.values())

        Retrying(
            stop=stop_after_delay(self._timeout),
            wait=wait_none(),
            retry=retry_if_result(bool),
            retry_error_callback=lambda _state: None,
        )(look)
        late = [replace(x, ended=x.ended or time.monotonic()) for x in state.values()]
        return tuple(late), tuple(answers)

    def _judge(self, letter: Letter, journey: Journey) -> Letter:
        """Gives a letter up that a server refused or put off, or that no Postfix takes."""
        if journey.failed:
            return replace(letter, given_up=True, ended=time.monotonic())
        sender = self._targets[letter.sender.name].remote
        if not journey.visits and waits_for_postfix(sender, letter.token):
            return replace(letter, given_up=True, ended=time.monotonic(), words=MAILDROP)
        return letter

    def _read_new(
        self, target: Target, letters: Sequence[Letter]
    ) -> tuple[list[Letter], list[Letter]]:
        waited = [x for x in letters if x.is_under_way and x.recipient == target.host]
        if not waited:
            return [], []
        self._progress(target.host.name, _("waiting for mail"))
        seconds = min(_LOOK, self._timeout)
        tokens = [letter.token for letter in waited]
        found = find_messages(target.remote, user_of(target), tokens, seconds)
        arrived = [letter for letter in waited if letter.token in found]
        pairs = [read_by_mail(target, letter, found[letter.token]) for letter in arrived]
        return [read for read, _answer in pairs], [answer for _read, answer in pairs if answer]
