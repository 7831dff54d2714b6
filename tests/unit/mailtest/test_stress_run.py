"""The stress test on two hosts in memory: every fate of a message is counted as what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from labctl.mailtest.stress import run_stress_test
from labctl.results import HostState, StressResult
from tests.fakes.host import Ran, Reply
from tests.unit.mailtest.pair import MailHost, Pair

PHASES = ("quiet", "postfix-killed", "network-cut", "host-stopped", "power-cut")


@dataclass
class Stressed:
    """The two hosts, each with its records, queue and box of tokens, and what goes wrong.

    `lost`, `twice`, `stuck` and `refused` are numbers of messages of every phase. `locked` are the
    hosts whose mailbox has the lock of a killed delivery. `unmended` are faults that were caused
    and not repaired.
    """

    pair: Pair = field(default_factory=Pair)
    lost: Sequence[int] = ()
    twice: Sequence[int] = ()
    stuck: Sequence[int] = ()
    waits: Sequence[int] = ()
    refused: Sequence[int] = ()
    locked: set[str] = field(default_factory=set)
    records: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, list[str]] = field(default_factory=lambda: {"host1": [], "host2": []})
    queues: dict[str, list[str]] = field(default_factory=lambda: {"host1": [], "host2": []})
    unmended: set[str] = field(default_factory=set)
    caused: list[str] = field(default_factory=list)
    deleted: bool = False

    def __post_init__(self) -> None:
        for host in self.pair.hosts.values():
            self._answer(host)

    def run(self, messages: int = 60) -> StressResult:
        return run_stress_test(
            self.pair.targets,
            self,  # type: ignore[arg-type]
            messages=messages,
            timeout=0.1,
        )

    # The provider.
    def status(self) -> dict[str, HostState]:
        off = "host2 off" in self.unmended
        other = HostState.STOPPED if off else HostState.RUNNING
        return {"host1": HostState.RUNNING, "host2": other}

    def start(self, _progress: object) -> bool:
        self.unmended -= {"host2 off", "power"}
        return True

    def cut_power(self, names: Sequence[str]) -> None:
        assert list(names) == ["host1", "host2"]
        self._cause("power")

    def _cause(self, fault: str) -> None:
        self.unmended.add(fault)
        self.caused.append(fault)

    def _answer(self, host: MailHost) -> None:
        fake, name = host.fake, host.fake.name
        other = "host2" if name == "host1" else "host1"
        fake.says("stream-prepare.sh", stdout=f"/var/tmp/stream.{name}\n")
        fake.says("stream-remove.sh")
        fake.when("mailbox-free.sh", answer=lambda _ran: self._free(name))
        fake.when("stream-start.sh", answer=lambda ran: self._send(ran, name, other))
        fake.when("cat", answer=lambda ran: Reply(self.records.get(ran.words[1], "")))
        fake.when("queue-ids.sh", answer=lambda _ran: _ids(self.queues[name]))
        fake.when("mailbox-count.sh", answer=lambda _ran: _ids(self.boxes[name]))
        fake.says("postconf", stdout="/var/spool/postfix\n")
        fake.when("queue-clear.sh", answer=lambda _ran: self._delete(name))
        fake.when("postqueue", "-f", answer=lambda _ran: self._flush(name, other))
        fake.when("postfix-kill.sh", answer=lambda _ran: self._fault("postfix"))
        fake.when("network-cut.sh", answer=lambda _ran: self._fault("network"))
        fake.when("network-join.sh", answer=lambda _ran: self._mended("network"))
        fake.when("systemctl", "restart", answer=lambda _ran: self._mended("postfix"))
        fake.when("systemctl", "--no-block", answer=lambda _ran: self._fault("host2 off"))

    def _fault(self, name: str) -> Reply:
        self._cause(name)
        return Reply()

    def _mended(self, name: str) -> Reply:
        self.unmended.discard(name)
        return Reply()

    def _send(self, ran: Ran, name: str, other: str) -> Reply:
        _script, record, _user, _unit, _send, last, before, after, *_rest = ran.words
        done = self.records.get(record, "").count("begin ")
        for number in range(done + 1, int(last) + 1):
            token = f"{before}{number}{after}"
            code = "75" if number in self.refused else "0"
            self.records[record] = (
                self.records.get(record, "") + f"begin {number}\nend {number} {code} \n"
            )
            if number in (*self.stuck, *self.waits):
                self.queues[name].append(token)
            elif number not in (*self.lost, *self.refused):
                self.boxes[other] += [token] * (2 if number in self.twice else 1)
        return Reply()

    def _free(self, name: str) -> Reply:
        self.locked.discard(name)
        return Reply()

    def _flush(self, name: str, other: str) -> Reply:
        if other in self.locked:
            return Reply()
        going = [t for t in self.queues[name] if int(t.split(".")[3].split("@")[0]) in self.waits]
        self.boxes[other] += going
        self.queues[name] = [t for t in self.queues[name] if t not in going]
        return Reply()

    def _delete(self, name: str) -> Reply:
        self.deleted = self.deleted or bool(self.queues[name])
        self.queues[name] = []
        return Reply()


def _ids(tokens: Sequence[str]) -> Reply:
    return Reply("".join(f"deferred/X:Message-ID: <{token}>\n" for token in tokens))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labctl.mailtest.stress._PAUSE", 0.0)


def test_every_message_that_arrives_is_counted() -> None:
    stressed = Stressed()
    result = stressed.run()
    assert result.ok and result.astray == ()
    assert [phase.name for phase in result.phases] == list(PHASES)
    assert sum(phase.sent for phase in result.phases) == 60
    for phase in result.phases:
        assert phase.sent == phase.accepted == phase.delivered == 12
        assert (phase.waiting, phase.lost, phase.duplicates, phase.refused) == (0, 0, 0, 0)


def test_each_fault_is_caused_once_and_repaired() -> None:
    stressed = Stressed()
    stressed.run()
    assert stressed.caused == ["postfix", "network", "host2 off", "power"]
    assert stressed.unmended == set()


def test_a_lost_message_fails_the_test() -> None:
    result = Stressed(lost=[2]).run()
    assert not result.ok
    assert {one.fate for one in result.astray} == {"lost"}
    assert all(phase.lost == 2 for phase in result.phases)


def test_a_second_copy_without_a_crash_fails_the_test() -> None:
    result = Stressed(twice=[3]).run()
    assert not result.ok
    assert {(one.fate, one.copies) for one in result.astray} == {("duplicate", 2)}


def test_a_message_in_a_queue_is_not_lost_and_is_deleted_at_the_end() -> None:
    stressed = Stressed(stuck=[1])
    result = stressed.run()
    assert result.ok
    assert all(phase.waiting == 2 and phase.delivered == 10 for phase in result.phases)
    assert stressed.deleted and stressed.queues == {"host1": [], "host2": []}


def test_a_message_that_waits_is_sent_by_flushing_the_queue() -> None:
    stressed = Stressed(waits=[1])
    result = stressed.run()
    assert all(phase.waiting == 0 and phase.delivered == 12 for phase in result.phases)
    assert not stressed.deleted


def test_a_lock_of_the_killed_postfix_keeps_no_message_waiting() -> None:
    stressed = Stressed(waits=[1], locked={"host1", "host2"})
    result = stressed.run()
    assert all(phase.waiting == 0 for phase in result.phases)
    assert not stressed.locked


def test_a_mailbox_that_was_locked_before_stays_locked() -> None:
    stressed = Stressed(waits=[1], locked={"host1"})
    boxes = "kept /tmp/1\nkept /tmp/2\nlocked user1\n"
    stressed.pair.one.fake.says("mailbox-keep.sh", stdout=boxes)
    result = stressed.run()
    assert all(phase.waiting == 1 for phase in result.phases)
    assert stressed.locked == {"host1"}


def test_a_refused_message_is_nobodys_loss() -> None:
    result = Stressed(refused=[4]).run()
    assert result.ok
    assert all(phase.refused == 2 and phase.accepted == 10 for phase in result.phases)


def test_a_phase_in_which_nothing_is_accepted_fails_the_test() -> None:
    result = Stressed(refused=range(100)).run()
    assert not result.ok


def test_a_fault_is_repaired_if_the_test_breaks_off() -> None:
    stressed = Stressed()

    def gone(_ran: Ran) -> Reply:
        if "network" in stressed.unmended:
            raise KeyboardInterrupt
        return _ids([])

    stressed.pair.one.fake.when("queue-ids.sh", answer=gone)
    with pytest.raises(KeyboardInterrupt):
        stressed.run()
    assert stressed.unmended == set()
