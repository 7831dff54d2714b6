"""Mail survives: a stream of messages both ways, while faults befall hosts and network.

Every message that sendmail(1) accepted must be in the recipient's mailbox once, or in a queue.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from tenacity import Retrying, retry_if_result, wait_fixed

from labctl.i18n import _
from labctl.mailtest.faults import host_off, join_network, network_cut, postfix_killed, power_cut
from labctl.mailtest.letters import new_run_id
from labctl.mailtest.stream import Sent, Stream, streams
from labctl.mailtest.tally import Tally, count_messages, find_astray, queued_on
from labctl.mailtest.watch import Watch
from labctl.progress import Progress, silent
from labctl.providers.base import Provider
from labctl.results import Astray, StressPhase, StressResult
from labctl.scripts import Script
from labctl.waiting import wait_until
from provision.mailbox import boxes_kept
from provision.step import Target

MESSAGES = 500
# How long our messages may take to leave the queues once they are deleted there, in seconds.
_EMPTYING = 60.0
_DELETE = Script("labctl.mailtest", "queue-delete.sh")


@dataclass(frozen=True)
class _Fault:
    """What befalls the lab in a phase; `running` are the hosts that can still send meanwhile."""

    name: str
    what: str
    running: tuple[Target, ...]
    befall: Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class _Passed:
    """A phase that is over: what was sent, and how many lay in queues before the mending."""

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
    """Sends `messages` in all, half from each host, and counts what became of them.

    `timeout` is for how many seconds no message may arrive until the rest is taken to wait in
    the queues. Raises LabError where a host cannot be reached or does not come back.
    """
    started, begun = datetime.now().astimezone(), time.monotonic()
    watch = Watch(targets, new_run_id())
    hosts = list(watch.targets.values())
    for target in hosts:
        join_network(target)
    with boxes_kept(hosts, watch.run_id), _queues_emptied(watch):
        with streams(hosts, watch.run_id) as sending:
            faults = _faults(hosts, provider, progress)
            passed = [
                _pass(watch, sending, fault, share, progress)
                for fault, share in zip(faults, shares(messages, len(faults)), strict=True)
            ]
        sent = [message for phase in passed for message in phase.sent]
        tally = _settled(watch, len(sent), timeout, progress)
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
        _Fault("quiet", _("nothing happens"), both, nullcontext),
        _Fault(
            "postfix-killed",
            _("kill -9 of Postfix on {host}", host=name),
            both,
            lambda: postfix_killed(one, progress),
        ),
        _Fault(
            "network-cut",
            _("the network between them cut"),
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
    """A third of the phase's messages before the fault, a third during it, a third after."""
    begun = time.monotonic()
    progress("", _("{what}: {count} messages", what=fault.what, count=sum(share)))
    both = [(sending[name], number) for name, number in zip(watch.targets, share, strict=True)]
    running = [target.host.name for target in fault.running]
    for stream, number in both:
        stream.start(fault.name, number)
    for stream, number in both:
        stream.wait(fault.name, number // 3)
    with fault.befall():
        for stream, number in both:
            if stream.host in running:
                stream.wait(fault.name, number * 2 // 3)
        held = {name: len(queued_on(watch.targets[name], watch.run_id)) for name in running}
    for name in watch.targets.keys() - held:
        # What a host holds that was off can be counted only now.
        held[name] = len(queued_on(watch.targets[name], watch.run_id))
    for stream, number in both:
        stream.start(fault.name, number)
    for stream, number in both:
        stream.wait(fault.name, number)
    sent = tuple(message for stream, _number in both for message in stream.sent(fault.name))
    return _Passed(fault, time.monotonic() - begun, sum(held.values()), sent)


def _settled(watch: Watch, sent: int, timeout: float, progress: Progress) -> Tally:
    """Lets the queues run until they are empty, or nothing has arrived for a while.

    Where no queue holds a message any more, a second look that is like the first is the last.
    """
    last, since = Tally({}, {}), time.monotonic()

    def look() -> bool:
        nonlocal last, since
        before, last = last, count_messages(watch)
        text = _(
            "{arrived} of {sent} arrived, {queued} in queues",
            arrived=len(last.delivered),
            sent=sent,
            queued=len(last.queued),
        )
        progress("", text)
        if last.delivered != before.delivered:
            since = time.monotonic()
        if last.queued:
            # What a person types who does not want to wait for the queue's next run. It also
            # makes the queue manager forget which destinations it takes for dead (qmgr(8)).
            watch.on_both(lambda target: target.remote.run(["postqueue", "-f"], check=False))
        return not last.queued and last == before

    Retrying(
        stop=lambda _state: time.monotonic() - since > timeout,
        wait=wait_fixed(1),
        retry=retry_if_result(lambda done: not done),
        retry_error_callback=lambda _state: None,
    )(look)
    return last


@contextmanager
def _queues_emptied(watch: Watch) -> Iterator[None]:
    """Deletes in the end what still waits, so that nothing comes once the boxes are put back."""

    def gone() -> bool:
        found = watch.on_both(lambda target: queued_on(target, watch.run_id))
        if any(found.values()):
            watch.on_both(lambda target: target.remote.script(_DELETE, watch.run_id))
        return not any(found.values())

    try:
        yield
    finally:
        wait_until(_EMPTYING, gone)


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
