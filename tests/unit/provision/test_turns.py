"""Sessions of mail clients and deliveries never have a host's mailbox at the same time."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest

from provision.patience import Deadline, patient
from provision.turns import alone_with_mailbox, only_client
from tests.fakes.host import FakeHost
from tests.fakes.target import fake_target

# Seconds in which a thread that may go on does so.
SOON = 5


def test_a_session_waits_until_the_messages_are_delivered() -> None:
    target = fake_target(FakeHost("host1"))
    opened = Event()

    def session() -> None:
        with alone_with_mailbox(target):
            opened.set()

    target.turns.begin_deliveries()
    thread = Thread(target=session)
    thread.start()
    assert not opened.wait(0.2)
    target.turns.end_deliveries()
    assert opened.wait(SOON)
    thread.join()


def test_the_end_of_deliveries_that_never_began_opens_no_mailbox_to_two_sessions() -> None:
    target = fake_target(FakeHost("host1"))
    opened = Event()

    def session() -> None:
        with alone_with_mailbox(target):
            opened.set()

    with alone_with_mailbox(target):
        target.turns.end_deliveries()
        thread = Thread(target=session)
        thread.start()
        assert not opened.wait(0.2)
    assert opened.wait(SOON)
    thread.join()


def test_a_port_has_one_client_at_a_time() -> None:
    target, other = fake_target(FakeHost("host1")), fake_target(FakeHost("host2"))
    opened = Event()

    def session() -> None:
        with only_client(target, 143):
            opened.set()

    with only_client(target, 143), only_client(target, 110), only_client(other, 143):
        thread = Thread(target=session)
        thread.start()
        assert not opened.wait(0.2)
    assert opened.wait(SOON)
    thread.join()


def test_a_host_remembers_its_silent_servers_and_closed_ports_alone() -> None:
    target, other = fake_target(FakeHost("host1")), fake_target(FakeHost("host2"))
    target.turns.note_silent(143)
    target.turns.note_closed(110)
    assert target.turns.is_silent(143) and not target.turns.is_silent(110)
    assert target.turns.is_closed(110) and not target.turns.is_closed(143)
    assert not other.turns.is_silent(143) and not other.turns.is_closed(110)


@pytest.mark.parametrize(
    ("load", "running", "seconds"),
    [(0.1, 1, 6), (0.1, 44, 6), (2.0, 4, 6), (16.0, 1, 24), (0.1, 56, 24), (400.0, 4, 36)],
)
def test_on_a_busy_machine_an_answer_may_take_longer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: float, running: int, seconds: float
) -> None:
    told = tmp_path / "loadavg"
    told.write_text(f"{load} 0.10 0.10 {running}/900 12345\n")
    monkeypatch.setattr("provision.patience._LOAD", told)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0, 0), raising=False)
    assert patient(6) == seconds


def test_a_deadline_moves_away_while_the_machine_is_busy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told, clock = tmp_path / "loadavg", Clock()
    monkeypatch.setattr("provision.patience._LOAD", told)
    monkeypatch.setattr("provision.patience.time", clock)
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0, 0), raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    told.write_text("0.1 0.1 0.1 1/900 12345\n")
    deadline = Deadline(5)
    clock.now += 1
    assert deadline.left() == 4
    told.write_text("0.1 0.1 0.1 52/900 12345\n")
    assert deadline.left() == 12
    clock.now += 6
    assert deadline.left() == 6
    told.write_text("0.1 0.1 0.1 1/900 12345\n")
    assert deadline.left() == 2
    clock.now += 3
    assert deadline.left() == 0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now
