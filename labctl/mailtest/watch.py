"""The hosts during a mail test: both worked on at once, their logs read from its start on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_none

from labctl.i18n import _
from labctl.mailtest.explain import explain
from labctl.mailtest.journey import Journey, follow
from labctl.mailtest.letters import Letter, id_from_logs
from labctl.mailtest.logs import mark_log, records_since
from labctl.mailtest.postfixlog import Record
from labctl.results import Delivery
from provision.step import Target

T = TypeVar("T")

# How long the last lines of a delivered message may take to be in the log, in seconds.
_LOG_LAG = 3


class Watch:
    """The two mail servers' logs from now on. Each host is talked to by one thread at a time."""

    def __init__(self, targets: Mapping[str, Target], run_id: str) -> None:
        hosts = next(iter(targets.values())).lab.mail_hosts
        self.targets = {host.name: targets[host.name] for host in hosts}
        self.run_id = run_id
        self._marks = self.on_both(lambda target: mark_log(target.remote))

    def on_both(self, work: Callable[[Target], T]) -> dict[str, T]:
        """Does the work on both hosts at once; results by host."""
        with ThreadPoolExecutor(len(self.targets)) as pool:
            results = list(pool.map(work, self.targets.values()))
        return dict(zip(self.targets, results, strict=True))

    def logs(self) -> tuple[Record, ...]:
        """What both logged since the start."""
        each = self.on_both(lambda target: records_since(target, self._marks[target.host.name]))
        return tuple(record for records in each.values() for record in records)

    def logs_of(self, target: Target) -> tuple[Record, ...]:
        """What one host logged since the start."""
        return records_since(target, self._marks[target.host.name])

    def settled_logs(self, letters: Sequence[Letter]) -> tuple[Record, ...]:
        """The logs once they tell each read letter's whole way, for syslog lags a little."""
        latest: tuple[Record, ...] = ()

        def look() -> bool:
            nonlocal latest
            latest = self.logs()
            return all(self.journey(letter, latest).settled for letter in letters if letter.read)

        Retrying(
            stop=stop_after_delay(_LOG_LAG),
            wait=wait_none(),
            retry=retry_if_result(lambda settled: not settled),
            retry_error_callback=lambda _state: None,
        )(look)
        return latest

    def journey(self, letter: Letter, logs: Sequence[Record]) -> Journey:
        """The letter's way so far."""
        # An answer that never came: `mail` and Postfix gave it an id that only the log knows.
        return follow(letter.message_id or id_from_logs(letter, logs, self.run_id), logs)

    def delivery(self, letter: Letter, logs: Sequence[Record], timeout: float) -> Delivery:
        """The letter's fate as a result, explained by the logs where it failed."""
        journey = self.journey(letter, logs)
        ok = letter.arrived and letter.read
        late = (
            _("The message is in the box, but it is not shown as it was sent.")
            if letter.arrived
            else _("It did not arrive within {seconds} s.", seconds=f"{timeout:g}")
        )
        return Delivery(
            kind=letter.kind,
            sender=letter.sender.mailbox,
            recipient=letter.recipient.mailbox,
            subject=letter.subject,
            message_id=journey.message_id,
            arrived=letter.arrived,
            read=letter.read,
            seconds=max(0.0, letter.ended - letter.begun),
            hops=journey.hops,
            explanation=() if ok else explain(letter.words, journey, logs, late),
        )
