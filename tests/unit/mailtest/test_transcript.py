"""One message is sent, watched and removed again, between two hosts in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from labctl.errors import LabError, MachineLacks, WrongUsage
from labctl.mailtest import transcript
from labctl.mailtest.capture import Spoken
from labctl.mailtest.transcript import send_and_watch
from tests.fakes.host import Reply
from tests.unit.mailtest.pair import Pair


class Wire:
    """Stands for tcpdump on this machine: what it captured and between whom."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.on: list[tuple[IPv4Address, Path | None]] = []
        self.names: Mapping[str, str] = {}
        self.hears = True
        # What was in the mailbox while the capture ran.
        self.delivered = 0

    @contextmanager
    def captured(self, address: IPv4Address, file: Path, netns: Path | None) -> Iterator[None]:
        self.on.append((address, netns))
        yield
        self.delivered = len(self.pair.two.box)
        file.write_bytes(b"pcap")

    def dialogues(self, file: Path, names: Mapping[str, str]) -> tuple[Spoken, ...]:
        assert file.read_bytes() == b"pcap"
        self.names = names
        line = Spoken(datetime.now(UTC), "host1", "host2", False, "EHLO mail.example1.jp")
        return (line,) if self.hears else ()


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture
def wire(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Wire:
    found = Wire(pair)
    monkeypatch.setattr(transcript, "captured", found.captured)
    monkeypatch.setattr(transcript, "dialogues", found.dialogues)
    return found


def test_the_message_is_delivered_watched_and_removed(pair: Pair, wire: Wire) -> None:
    trace, spoken = send_and_watch(pair.targets, timeout=1)
    assert trace.settled
    assert trace.recipients == ("user2@example2.jp",)
    assert [line.text for line in spoken] == ["EHLO mail.example1.jp"]
    # On the receiver's network, from before the message until it was read.
    assert wire.on == [(IPv4Address("192.168.56.102"), None)]
    assert wire.delivered == 1
    assert {wire.names[f"192.168.56.{last}"] for last in (101, 102)} == {"host1", "host2"}
    assert [host.box for host in pair.hosts.values()] == [[], []]


def test_nobody_answers_the_message(pair: Pair, wire: Wire) -> None:
    send_and_watch(pair.targets, timeout=1)
    typed = [ran.stdin for host in pair.hosts.values() for ran in host.fake.ran if ran.stdin]
    assert not [text for text in typed if "Reply" in text]


def test_the_capture_is_kept_for_the_person(pair: Pair, wire: Wire, tmp_path: Path) -> None:
    send_and_watch(pair.targets, keep=tmp_path / "smtp.pcap", timeout=1)
    assert (tmp_path / "smtp.pcap").read_bytes() == b"pcap"


def test_a_capture_that_cannot_be_kept_is_wrong_usage(
    pair: Pair, wire: Wire, tmp_path: Path
) -> None:
    with pytest.raises(WrongUsage):
        send_and_watch(pair.targets, keep=tmp_path / "missing" / "smtp.pcap", timeout=1)


def test_a_delivery_that_was_not_captured_is_told(pair: Pair, wire: Wire) -> None:
    wire.hears = False
    with pytest.raises(MachineLacks, match="captured nothing") as caught:
        send_and_watch(pair.targets, timeout=1)
    assert str(caught.value.hint) == "labctl trace last"


def test_a_message_that_does_not_arrive_is_shown_as_far_as_it_came(pair: Pair, wire: Wire) -> None:
    wire.hears = False
    pair.two.is_off = True
    trace, spoken = send_and_watch(pair.targets, timeout=0.1)
    assert not trace.settled
    assert spoken == ()
    # It does not arrive later either.
    assert pair.one.queue == []


def test_a_message_that_cannot_be_written_is_an_error_in_the_programs_words(
    pair: Pair, wire: Wire
) -> None:
    pair.one.fake.when(
        "bash", "-lc", '"$@"', "bash", "mail", answer=lambda _ran: Reply("mail: broken\n", status=1)
    )
    with pytest.raises(LabError, match="was not sent") as caught:
        send_and_watch(pair.targets, timeout=0.1)
    assert "mail: broken" in caught.value.cause


def test_a_network_that_this_machine_is_not_on_cannot_be_captured(pair: Pair, wire: Wire) -> None:
    remote = pair.two.target.remote
    remote.endpoint = replace(remote.endpoint, neighbour=("ssh", "host1"))
    with pytest.raises(MachineLacks, match="not on this machine"):
        send_and_watch(pair.targets)
    assert wire.on == []
