"""The textbook's own mail test: two people write to each other with `mail`, and answer.

Section 「mailコマンドを使ったメール送受信のテスト」, both ways at once, each message read by
`mail` as its recipient and answered by its reply command, which proves the sender's address;
then a message to oneself. All leave the hosts as they were: messages, queues and boxes.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_none

from labctl.i18n import _
from labctl.mailtest.explain import explain
from labctl.mailtest.journey import Journey, follow
from labctl.mailtest.letters import Letter, answer_to, first_letters, id_from_logs
from labctl.mailtest.logs import LogMark, mark_log, records_since
from labctl.mailtest.mailbox import (
    MAILDROP,
    KeptBoxes,
    find_messages,
    keep_boxes,
    put_back,
    waits_for_postfix,
)
from labctl.mailtest.postfixlog import Record
from labctl.providers.base import Progress, silent
from labctl.results import Delivery, MailTestResult
from provision.step import Target

T = TypeVar("T")

# Between two looks at the senders' logs; the mailboxes are watched on the hosts meanwhile.
_LOOK = 1.0
_MESSAGE_ID = re.compile(r"^Message-I[dD]: <([^>]+)>", re.MULTILINE)
# A login shell, as a person's own: what its profile sets (MAIL) is part of the test.
_AS_AT_LOGIN = ["bash", "-lc", '"$@"', "bash"]


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
        self._targets = targets
        self._timeout = timeout
        self._progress = progress
        self._run_id = f"labctl.{secrets.token_hex(8)}"
        self._hosts = next(iter(targets.values())).lab.mail_hosts
        self._marks: Mapping[str, LogMark] = {}
        self._kept: Mapping[str, KeptBoxes] = {}

    def run(self) -> MailTestResult:
        started, begun = datetime.now().astimezone(), time.monotonic()
        with ThreadPoolExecutor(len(self._hosts)) as self._pool:
            self._marks = self._on_both(lambda target: mark_log(target.remote))
            self._kept = self._on_both(lambda target: keep_boxes(target.remote, _user(target)))
            try:
                letters = self._send(first_letters(self._hosts, self._run_id))
                letters, answers = self._receive(letters)
                answers, _none = self._receive(answers)
                everything = (*letters, *answers)
                logs = self._logs_settled(everything)
            finally:
                self._on_both(lambda t: put_back(t.remote, self._kept[t.host.name], self._run_id))
        deliveries = tuple(self._delivery(letter, logs) for letter in everything)
        return MailTestResult(
            started.isoformat(timespec="seconds"), time.monotonic() - begun, deliveries
        )

    def _on_both(self, work: Callable[[Target], T]) -> dict[str, T]:
        targets = [self._targets[host.name] for host in self._hosts]
        names = [target.host.name for target in targets]
        return dict(zip(names, self._pool.map(work, targets), strict=True))

    def _send(self, letters: Sequence[Letter]) -> tuple[Letter, ...]:
        def write(target: Target) -> list[Letter]:
            own = [letter for letter in letters if letter.sender == target.host]
            return [self._write(target, letter) for letter in own]

        return tuple(letter for sent in self._on_both(write).values() for letter in sent)

    def _write(self, target: Target, letter: Letter) -> Letter:
        self._progress(target.host.name, _("mail to {address}", address=letter.recipient.mailbox))
        begun = time.monotonic()
        header = f"Message-ID: <{letter.message_id}>"
        done = target.remote.run(
            [*_AS_AT_LOGIN, "mail", "-s", letter.subject, "-a", header, letter.recipient.mailbox],
            user=_user(target),
            stdin=letter.body + "\n",
            check=False,
        )
        words = "" if done.ok else done.stdout + done.stderr
        return replace(letter, begun=begun, sent=done.ok, words=words)

    def _receive(self, letters: Sequence[Letter]) -> tuple[tuple[Letter, ...], tuple[Letter, ...]]:
        """Waits for the letters and reads each as it comes; returns them, and the answers."""
        state = {(letter.kind, letter.sender.name): letter for letter in letters}
        answers: list[Letter] = []

        def look() -> bool:
            for read, given in self._on_both(
                lambda target: self._read_new(target, list(state.values()))
            ).values():
                state.update({(letter.kind, letter.sender.name): letter for letter in read})
                answers.extend(given)
            waiting = [letter for letter in state.values() if letter.is_under_way]
            logs = self._logs() if waiting else ()
            for letter in waiting:
                judged = self._judge(letter, self._journey(letter, logs))
                state[letter.kind, letter.sender.name] = judged
            return any(letter.is_under_way for letter in state.values())

        Retrying(
            stop=stop_after_delay(self._timeout),
            wait=wait_none(),
            retry=retry_if_result(bool),
            retry_error_callback=lambda _state: None,
        )(look)
        return tuple(state.values()), tuple(answers)

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
        found = find_messages(target.remote, _user(target), tokens, seconds)
        arrived = [letter for letter in waited if letter.token in found]
        pairs = [self._read(target, letter, found[letter.token]) for letter in arrived]
        return [read for read, _answer in pairs], [answer for _read, answer in pairs if answer]

    def _read(self, target: Target, letter: Letter, number: str) -> tuple[Letter, Letter | None]:
        """Reads the message as the book does (`mail`, its number), and answers a first one."""
        answer = answer_to(letter) if letter.kind == "message" else None
        commands = ["set dot", f"print {number}"]
        if answer:
            # `Reply`, for mailutils' `reply` writes to all recipients, oneself among them.
            commands += [f"Reply {number}", answer.body, "."]
        begun = time.monotonic()
        done = target.remote.run(
            [*_AS_AT_LOGIN, "mail"],
            user=_user(target),
            stdin="\n".join([*commands, "exit", ""]),
            check=False,
        )
        shown = letter.token in done.stdout and letter.body in done.stdout
        identity = _MESSAGE_ID.search(done.stdout)
        read = replace(
            letter,
            arrived=True,
            read=shown,
            ended=time.monotonic(),
            words="" if shown else done.stdout + done.stderr,
            message_id=letter.message_id or (identity[1] if identity else ""),
        )
        if answer is None or not shown:
            return read, None
        said = "" if done.ok else done.stderr
        return read, replace(answer, begun=begun, sent=done.ok, words=said)

    def _logs(self) -> tuple[Record, ...]:
        each = self._on_both(lambda target: records_since(target, self._marks[target.host.name]))
        return tuple(record for records in each.values() for record in records)

    def _logs_settled(self, letters: Sequence[Letter]) -> tuple[Record, ...]:
        """The logs once they tell each read message's whole way (syslog lags a little)."""
        latest: tuple[Record, ...] = ()

        def look() -> bool:
            nonlocal latest
            latest = self._logs()
            return all(self._journey(letter, latest).settled for letter in letters if letter.read)

        Retrying(
            stop=stop_after_delay(3),
            wait=wait_none(),
            retry=retry_if_result(lambda settled: not settled),
            retry_error_callback=lambda _state: None,
        )(look)
        return latest

    def _journey(self, letter: Letter, logs: Sequence[Record]) -> Journey:
        # An answer that never came: `mail` and Postfix gave it an id that only the log knows.
        return follow(letter.message_id or id_from_logs(letter, logs, self._run_id), logs)

    def _delivery(self, letter: Letter, logs: Sequence[Record]) -> Delivery:
        journey = self._journey(letter, logs)
        ok = letter.arrived and letter.read
        late = (
            _("The message is in the box, but mail does not show it.")
            if letter.arrived
            else _("It did not arrive within {seconds} s.", seconds=f"{self._timeout:g}")
        )
        return Delivery(
            kind=letter.kind,
            sender=letter.sender.mailbox,
            recipient=letter.recipient.mailbox,
            subject=letter.subject,
            message_id=journey.message_id,
            arrived=letter.arrived,
            read=letter.read,
            seconds=(letter.ended or time.monotonic()) - letter.begun,
            hops=journey.hops,
            explanation=() if ok else explain(letter.words, journey, logs, late),
        )


def _user(target: Target) -> str:
    return target.host.account or ""
