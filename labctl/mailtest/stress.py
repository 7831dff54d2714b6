"""The stress test: a stream of messages both ways, during faults of hosts and network.

Every message that sendmail(1) accepted must be in the recipient's mailbox once, or in a queue.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from labctl.i18n import _, ngettext
from labctl.mailtest.faults import host_off, join_network, network_cut, postfix_killed, power_cut
from labctl.mailtest.letters import new_run_id
from labctl.mailtest.stream import Sent, Stream, streams
from labctl.mailtest.tally import Tally, count_messages, find_astray, queued_on
from labctl.mailtest.watch import Watch
from labctl.progress import Progress, silent
from labctl.providers.base import Provider
from labctl.results import Astray, StressPhase, StressResult
from labctl.waiting import wait_until
from provision.mailbox import boxes_kept, clear_queue, free_box
from provision.step import Target

MESSAGES = 500
# Seconds until the test's messages have left the queues after they were deleted there.
_EMPTYING = 60.0
# Seconds between two counts.
_PAUSE = 1.0


@dataclass(frozen=True)
class _Fault:
    """The fault of a phase. `running` are the hosts that can still send meanwhile."""

    name: str
    what: str
    running: tuple[Target, ...]
    cause: Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class _Passed:
    """A phase that is over: what was sent, and how many were in queues before the repair."""

    fault: _Fault
    seconds: float
    held: int
    sent: tuple[Sent, ...]


def run_stress_test(
    targets: Mapping[str, Target],
    provider: Provider,
    *,
    messages: int = MESSAGES,
    timeout: float = 30.0,
    progress: Progress = silent,
) -> StressResult:
    """Send `messages` in all, half from each host, and count what became of them.

    Args:
        timeout: the seconds without an arrival after which the rest counts as waiting in queues.

    Raises:
        LabError: a host cannot be reached, or does not come back.
    """
    started, begun = datetime.now().astimezone(), time.monotonic()
    watch = Watch(targets, new_run_id())
    hosts = list(watch.targets.values())
    for target in hosts:
        join_network(target)
    with boxes_kept(hosts, watch.run_id) as locked, _queues_emptied(watch):
        with streams(hosts, watch.run_id) as sending:
            faults = _faults(hosts, provider, progress)
            passed = [
                _pass(watch, sending, fault, share, progress)
                for fault, share in zip(faults, shares(messages, len(faults)), strict=True)
            ]
        sent = [message for phase in passed for message in phase.sent]
        tally = _settled(watch, len(sent), locked, timeout, progress)
        peers = {target.host.name: target.peer.name for target in hosts}
        astray = find_astray(sent, tally, watch.logs(), peers)
    return StressResult(
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - begun,
        phases=tuple(_phase(phase, tally, astray) for phase in passed),
        astray=astray,
    )


def shares(messages: int, phases: int) -> list[tuple[int, int]]:
    """How many messages each of the two hosts sends in each phase; `messages` in all."""
    parts = [(messages + place) // (2 * phases) for place in range(2 * phases)]
    return list(zip(parts[::2], parts[1::2], strict=True))


def _faults(hosts: Sequence[Target], provider: Provider, progress: Progress) -> list[_Fault]:
    one, other = hosts
    both, name, off = (one, other), one.host.name, other.host.name
    return [
        _Fault("quiet", _("no fault"), both, nullcontext),
        _Fault(
            "postfix-killed",
            _("kill -9 of Postfix on {host}", host=name),
            both,
            lambda: postfix_killed(one, progress),
        ),
        _Fault(
            "network-cut",
            _("network between the hosts cut"),
            both,
            lambda: network_cut(one, progress),
        ),
        _Fault(
            "host-stopped",
            _("{host} stopped and started", host=off),
            (one,),
            lambda: host_off(other, provider, progress),
        ),
        _Fault(
            "power-cut",
            _("power cut on both"),
            (),
            lambda: power_cut(both, provider, progress),
        ),
    ]


def _pass(
    watch: Watch,
    sending: Mapping[str, Stream],
    fault: _Fault,
    share: tuple[int, int],
    progress: Progress,
) -> _Passed:
    """Send a third of the phase's messages before the fault, a third during it, a third after."""
    begun = time.monotonic()
    progress(
        "",
        ngettext(
            "{what}: {count} message", "{what}: {count} messages", sum(share), what=fault.what
        ),
    )
    both = [(sending[name], number) for name, number in zip(watch.targets, share, strict=True)]
    running = [target.host.name for target in fault.running]
    for stream, number in both:
        stream.start(fault.name, number)
    for stream, number in both:
        stream.wait(fault.name, number // 3)
    with fault.cause():
        for stream, number in both:
            if stream.host in running:
                stream.wait(fault.name, number * 2 // 3)
        held = {name: len(queued_on(watch.targets[name], watch.run_id)) for name in running}
    for name in watch.targets.keys() - held:
        # The queues of a host that was off can be counted only now.
        held[name] = len(queued_on(watch.targets[name], watch.run_id))
    for stream, number in both:
        stream.start(fault.name, number)
    for stream, number in both:
        stream.wait(fault.name, number)
    sent = tuple(message for stream, _number in both for message in stream.sent(fault.name))
    return _Passed(fault, time.monotonic() - begun, sum(held.values()), sent)


def _settled(
    watch: Watch, sent: int, locked: Set[str], timeout: float, progress: Progress
) -> Tally:
    """Run the queues until they are empty, or nothing has arrived for `timeout` seconds.

    If no queue has a message any more, the count is final once it is the same twice.

    Args:
        locked: the hosts whose mailbox was locked before the test.
    """
    count = _Count(watch, sent, locked, progress)
    while True:
        arrived = count.now.delivered
        moved = wait_until(timeout, partial(count.again, arrived), every=_PAUSE, retry_errors=False)
        if count.is_final or not moved:
            return count.now


class _Count:
    """Counts of all messages, one after the other."""

    def __init__(self, watch: Watch, sent: int, locked: Set[str], progress: Progress) -> None:
        self._watch = watch
        self._sent = sent
        self._locked = locked
        self._progress = progress
        self.now = Tally({}, {})
        self.is_final = False

    def again(self, arrived: Mapping[str, int]) -> bool:
        """Count again. Returns whether more than `arrived` is there, or the count is final."""
        before, self.now = self.now, count_messages(self._watch)
        text = _(
            "{arrived} of {sent} arrived, {queued} in queues",
            arrived=len(self.now.delivered),
            sent=self._sent,
            queued=len(self.now.queued),
        )
        self._progress("", text)
        if self.now.queued:
            self._watch.on_both(self._run_queue)
        self.is_final = not self.now.queued and self.now == before
        return self.is_final or self.now.delivered != arrived

    def _run_queue(self, target: Target) -> None:
        if target.host.name not in self._locked:
            # A killed Postfix leaves its lock.
            free_box(target)
        # What a person types who does not wait for the next run of the queue. It also makes the
        # queue manager forget which destinations it considers dead (qmgr(8)).
        target.remote.run(["postqueue", "-f"], check=False)


@contextmanager
def _queues_emptied(watch: Watch) -> Iterator[None]:
    """Delete at the end what still waits, so that nothing arrives after the boxes are put back."""

    def gone() -> bool:
        found = watch.on_both(lambda target: queued_on(target, watch.run_id))
        if any(found.values()):
            watch.on_both(lambda target: clear_queue(target, watch.run_id, _spool(target)))
        return not any(found.values())

    try:
        yield
    finally:
        wait_until(_EMPTYING, gone)


def _spool(target: Target) -> str:
    """Where this Postfix has its queues."""
    asked = ["postconf", "-h", "-o", "inet_interfaces=", "queue_directory"]
    return target.remote.run(asked).stdout.strip()


def _phase(passed: _Passed, tally: Tally, astray: Sequence[Astray]) -> StressPhase:
    answers = Counter(message.answer for message in passed.sent)
    fates = Counter(one.fate for one in astray if one.phase == passed.fault.name)
    tokens = [message.token for message in passed.sent]
    delivered = sum(token in tally.delivered for token in tokens)
    return StressPhase(
        name=passed.fault.name,
        what=passed.fault.what,
        seconds=passed.seconds,
        sent=len(passed.sent),
        accepted=answers["accepted"],
        refused=answers["refused"],
        unanswered=answers["unanswered"],
        held=passed.held,
        delivered=delivered,
        waiting=sum(token in tally.queued and token not in tally.delivered for token in tokens),
        lost=fates["lost"],
        duplicates=fates["duplicate"],
        repeated=fates["repeated"],
    )
