"""The negative tests pass only if the servers refuse, bounce and keep mail as they should."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping

import pytest

from labctl.mailtest.negative import refusals, run_negative_test
from labctl.results import HostState, Trial
from tests.fakes.host import Reply
from tests.unit.mailtest.pair import Pair
from tests.unit.mailtest.servers import Smtp, serve

REFUSING = {
    "RCPT TO:<somebody@elsewhere.invalid>": "454 4.7.1 Relay access denied",
    "rcpt TO:<somebody@elsewhere.invalid>": "454 4.7.1 Relay access denied",
    "rcpt TO:<labctl-nobody@": "550 5.1.1 User unknown",
    "AUTH": "535 5.7.8 Error: authentication failed",
    "mail FROM:<user1@example1.jp> SIZE=": "552 5.3.4 Message size exceeds fixed limit",
    "mail FROM:<user1@example1.jp> size=": "552 5.3.4 Message size exceeds fixed limit",
}
CODES = ("relay-without-auth", "wrong-password", "unknown-mailbox", "too-large")


@pytest.fixture
def pair() -> Pair:
    return Pair()


def ask(monkeypatch: pytest.MonkeyPatch, pair: Pair, replies: Mapping[str, str]) -> list[Trial]:
    server = Smtp(replies)
    serve(monkeypatch, {("192.168.56.101", 25): server})
    trials = refusals(pair.one.target)
    assert [trial.code for trial in trials] == [f"negative.{code}" for code in CODES]
    return trials


def test_a_server_that_refuses_all_of_it_passes(
    monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    trials = ask(monkeypatch, pair, REFUSING)
    assert all(trial.ok for trial in trials), trials
    assert [trial.found[:3] for trial in trials] == ["454", "535", "550", "552"]


def test_a_server_that_accepts_everything_passes_nothing(
    monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    trials = ask(monkeypatch, pair, {})
    assert [trial.ok for trial in trials] == [False] * 4
    assert [trial.found[:3] for trial in trials] == ["250", "235", "250", "250"]


@pytest.mark.parametrize("place", range(4))
def test_one_thing_that_is_not_refused_fails_alone(
    monkeypatch: pytest.MonkeyPatch, pair: Pair, place: int
) -> None:
    keys = [
        ("RCPT TO:<some", "rcpt TO:<some"),
        ("AUTH",),
        ("rcpt TO:<labctl-nobody@",),
        ("mail FROM:",),
    ]
    replies = {name: reply for name, reply in REFUSING.items() if not name.startswith(keys[place])}
    trials = ask(monkeypatch, pair, replies)
    assert [trial.ok for trial in trials] == [number != place for number in range(4)]


def test_the_wrong_refusal_does_not_pass(monkeypatch: pytest.MonkeyPatch, pair: Pair) -> None:
    trials = ask(monkeypatch, pair, {"EHLO": "250 mail", "A": "500", "m": "421 4.7.0 busy"})
    assert not any(trial.ok for trial in trials)


def test_a_server_that_does_not_listen_fails_all_of_it(
    monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    serve(monkeypatch, {})
    trials = refusals(pair.one.target)
    assert [trial.ok for trial in trials] == [False] * 4
    assert {trial.found for trial in trials} == {"[Errno 111] Connection refused"}


def test_the_password_that_is_tried_is_not_the_accounts(
    monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    server = Smtp(REFUSING)
    serve(monkeypatch, {("192.168.56.101", 25): server})
    refusals(pair.one.target)
    (login,) = [line for line in server.heard if line.startswith("AUTH PLAIN")]
    _authorize, user, password = b64decode(login.split()[2]).split(b"\0")
    assert user == b"user1"
    assert password != b"not-a-secret"


class Switch:
    """A provider that only switches the second host on again."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def status(self) -> dict[str, HostState]:
        off = self._pair.two.is_off
        return {
            "host1": HostState.RUNNING,
            "host2": HostState.STOPPED if off else HostState.RUNNING,
        }

    def start(self, _progress: object) -> bool:
        self._pair.two.is_off = False
        return True


def switched_off(pair: Pair) -> None:
    def power(_ran: object) -> Reply:
        pair.two.is_off = True
        return Reply()

    pair.two.fake.when("systemctl", "--no-block", "poweroff", answer=power)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {name.replace("user1@example1", "user2@example2"): r for name, r in REFUSING.items()}
    serve(
        monkeypatch,
        {("192.168.56.101", 25): Smtp(REFUSING), ("192.168.56.102", 25): Smtp(other)},
    )


def whole(pair: Pair) -> tuple[dict[str, Trial], bool]:
    switched_off(pair)
    result = run_negative_test(pair.targets, Switch(pair), timeout=0.2)  # type: ignore[arg-type]
    return {trial.code: trial for trial in result.trials if trial.host == "host1"}, result.ok


@pytest.mark.usefixtures("refusing")
def test_a_bounce_and_a_message_that_waits_for_a_host(pair: Pair) -> None:
    trials, ok = whole(pair)
    assert trials["negative.bounce"].found.startswith("550")
    assert trials["negative.host-off"].found == "deferred"
    assert ok


@pytest.mark.usefixtures("refusing")
def test_without_a_bounce_the_test_fails(pair: Pair) -> None:
    pair.one.fake.when("mailbox-find.sh", answer=lambda _ran: Reply())
    trials, ok = whole(pair)
    assert not trials["negative.bounce"].ok and not ok


@pytest.mark.usefixtures("refusing")
def test_a_bounce_that_does_not_name_the_account_is_not_the_bounce(pair: Pair) -> None:
    pair.one.shows = lambda message: message.text.replace("labctl-nobody", "somebody-else")
    trials, _ok = whole(pair)
    assert not trials["negative.bounce"].ok


@pytest.mark.usefixtures("refusing")
def test_mail_that_is_delivered_to_a_host_that_is_off_fails(pair: Pair) -> None:
    """Somebody else answers at its address."""
    pair.two.fake.when("systemctl", "--no-block", "poweroff", answer=lambda _ran: Reply())
    result = run_negative_test(pair.targets, Off(), timeout=0.2)  # type: ignore[arg-type]
    (trial,) = [each for each in result.trials if each.code == "negative.host-off"]
    assert (trial.found, trial.ok) == ("sent", False)


class Off:
    """A provider that says that the second host is off, and can do nothing about it."""

    def status(self) -> dict[str, HostState]:
        return {"host1": HostState.RUNNING, "host2": HostState.STOPPED}

    def start(self, _progress: object) -> bool:
        return True
