"""Sessions of mail clients and deliveries never have a host's mailbox at the same time."""

from __future__ import annotations

from threading import Event, Thread

from provision.turns import alone_with_mailbox, begin_deliveries, end_deliveries
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

    begin_deliveries([target])
    thread = Thread(target=session)
    thread.start()
    assert not opened.wait(0.2)
    end_deliveries(target)
    assert opened.wait(SOON)
    thread.join()


def test_the_end_of_deliveries_that_never_began_opens_no_mailbox_to_two_sessions() -> None:
    target = fake_target(FakeHost("host1"))
    opened = Event()

    def session() -> None:
        with alone_with_mailbox(target):
            opened.set()

    with alone_with_mailbox(target):
        end_deliveries(target)
        thread = Thread(target=session)
        thread.start()
        assert not opened.wait(0.2)
    assert opened.wait(SOON)
    thread.join()
