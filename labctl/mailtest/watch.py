"""The hosts during a mail test: work on both at once, and their logs from its start on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from labctl.mailtest.explain import FailureCause, explain
from labctl.mailtest.journey import Journey, follow
from labctl.mailtest.letters import Sending, id_from_logs
from labctl.mailtest.logs import mark_log, records_since
from labctl.mailtest.postfixlog import Record
from labctl.parallel import on_each
from labctl.results import Delivery
from labctl.waiting import wait_until
from provision.step import Target

T = TypeVar("T")

# Seconds until the last lines of a delivered message are in the log.
_LOG_LAG = 3.0


class Watch:
    """The logs of the two mail servers from now on."""

    def __init__(self, targets: Mapping[str, Target], run_id: str) -> None:
        hosts = next(iter(targets.values())).lab.mail_hosts
        self.targets = {host.name: targets[host.name] for host in hosts}
        self.run_id = run_id
        self._marks = self.on_both(mark_log)

    def on_both(self, work: Callable[[Target], T]) -> dict[str, T]:
        """Do the work on both hosts at once. Returns the results by host."""
        return dict(zip(self.targets, on_each(self.targets.values(), work), strict=True))

    def logs(self) -> tuple[Record, ...]:
        """What both hosts logged since the start."""
        return tuple(
            record for records in self.on_both(self.logs_of).values() for record in records
        )

    def logs_of(self, target: Target) -> tuple[Record, ...]:
        """What one host logged since the start."""
        return records_since(target, self._marks[target.host.name])

    def settled_logs(self, sendings: Sequence[Sending]) -> tuple[Record, ...]:
        """The logs once they have the whole way of each read letter, because syslog lags."""

        def told(logs: tuple[Record, ...]) -> bool:
            return all(self.journey(each, logs).told for each in sendings if each.read)

        return wait_until(_LOG_LAG, self.logs, told, every=0)

    def journey(self, sending: Sending, logs: Sequence[Record]) -> Journey:
        """The letter's way so far."""
        known = sending.message_id or id_from_logs(sending.letter, logs, self.run_id)
        return follow(known, logs)

    def delivery(self, sending: Sending, logs: Sequence[Record], timeout: float) -> Delivery:
        """The letter's fate as a result, explained by the logs if it failed.

        Args:
            timeout: the seconds that it was given.
        """
        letter = sending.letter
        journey = self.journey(sending, logs)
        otherwise = FailureCause.NOT_AS_SENT if sending.arrived else FailureCause.LATE
        ok = sending.arrived and sending.read
        why = None if ok else explain(sending.words, journey, logs, otherwise)
        return Delivery(
            kind=letter.kind,
            sender=letter.sender.mailbox,
            recipient=letter.recipient.mailbox,
            subject=letter.subject,
            message_id=journey.message_id,
            arrived=sending.arrived,
            read=sending.read,
            seconds=max(0.0, sending.ended - sending.begun),
            hops=journey.hops,
            cause=why.cause if why else "",
            evidence=why.evidence if why else (),
            timeout=timeout,
        )
