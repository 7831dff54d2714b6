"""The negative tests pass only if the servers refuse, bounce and keep mail as they should."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace

import pytest
from pydantic import SecretStr

from labctl.credentials import Credentials
from labctl.errors import LabError
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


@pytest.fixture
def by_network() -> Pair:
    """A lab in which the hosts' network may relay, and nobody logs in."""
    return Pair("ubuntu")


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
    assert {trial.found for trial in trials} == {"Connection refused"}


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


def test_labctl_gives_its_address_as_its_name(monkeypatch: pytest.MonkeyPatch, pair: Pair) -> None:
    """The name of the machine costs a question to its DNS, and a server may refuse it."""
    server = Smtp(REFUSING)
    serve(monkeypatch, {("192.168.56.101", 25): server})
    refusals(pair.one.target)
    greetings = [line for line in server.heard if line.lower().startswith("ehlo")]
    assert set(greetings) == {"ehlo [192.168.56.1]"}


@pytest.mark.parametrize("ending", ["x", "y"])
def test_whatever_the_password_ends_with_the_wrong_one_differs(
    monkeypatch: pytest.MonkeyPatch, pair: Pair, ending: str
) -> None:
    server, password = Smtp(REFUSING), f"secret-{ending}"
    serve(monkeypatch, {("192.168.56.101", 25): server})
    credentials = Credentials(passwords={"user1": SecretStr(password)})
    refusals(replace(pair.one.target, credentials=credentials))
    (login,) = [line for line in server.heard if line.startswith("AUTH PLAIN")]
    tried = b64decode(login.split()[2]).split(b"\0")[2].decode()
    assert tried != password and len(tried) == len(password)


def test_a_message_is_announced_that_is_just_too_large(
    monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    server = Smtp(REFUSING)
    serve(monkeypatch, {("192.168.56.101", 25): server})
    refusals(pair.one.target)
    (announced,) = [line for line in server.heard if "SIZE=" in line.upper()]
    assert announced.upper().endswith("SIZE=10240001")
    assert server.taken == []


def test_each_host_tells_what_is_tried_there(monkeypatch: pytest.MonkeyPatch, pair: Pair) -> None:
    serve(monkeypatch, {})
    said: list[tuple[str, str]] = []
    trials = refusals(pair.one.target, lambda host, what: said.append((host, what)))
    assert said == [("host1", trial.what) for trial in trials]


def asked_by_network(
    monkeypatch: pytest.MonkeyPatch, pair: Pair, near: str, strangers: str
) -> dict[str, Trial]:
    """The replies to a relay: to a host of the network, and all those to a stranger."""
    own, peer = pair.one.target.host, pair.two.target.host
    replies = {
        f"rcpt TO:<{peer.mailbox}>": near,
        "rcpt TO:<labctl-nobody@": "550 5.1.1 User unknown",
        f"mail FROM:<{own.mailbox}> SIZE=": "552 5.3.4 Message size exceeds fixed limit",
    }
    serve(monkeypatch, {(str(own.address), 25): Smtp(replies)})
    pair.one.fake.says("stranger.sh", stdout=strangers)
    return {trial.code.removeprefix("negative."): trial for trial in refusals(pair.one.target)}


def test_who_is_in_the_network_relays_and_a_stranger_does_not(
    monkeypatch: pytest.MonkeyPatch, by_network: Pair
) -> None:
    strangers = "220 mail\n250 mail\n250 2.1.0 Ok\n454 4.7.1 Relay access denied\n221 2.0.0 Bye\n"
    trials = asked_by_network(monkeypatch, by_network, "250 2.1.5 Ok", strangers)
    assert list(trials) == [
        "relay-from-network", "relay-from-outside", "unknown-mailbox", "too-large",
    ]  # fmt: skip
    assert all(trial.ok for trial in trials.values()), trials
    assert trials["relay-from-network"].found == "250 2.1.5 Ok"
    assert trials["relay-from-outside"].found == "454 4.7.1 Relay access denied"
    (asked,) = [ran.words for ran in by_network.one.fake.ran if ran.words[0] == "stranger.sh"]
    own, peer = by_network.one.target.host, by_network.two.target.host
    assert asked[1:4] == (str(own.address), own.mailbox, peer.mailbox)


@pytest.mark.parametrize(
    ("strangers", "found"),
    [
        ("220 mail\n250 mail\n250 2.1.0 Ok\n250 2.1.5 Ok\n221 2.0.0 Bye\n", "250 2.1.5 Ok"),
        ("421 4.7.0 too many connections\n", "421 4.7.0 too many connections"),
        ("", "0 "),
    ],
)
def test_a_network_that_may_not_relay_and_a_stranger_without_a_refusal_both_fail(
    monkeypatch: pytest.MonkeyPatch, by_network: Pair, strangers: str, found: str
) -> None:
    trials = asked_by_network(monkeypatch, by_network, "454 4.7.1 denied", strangers)
    assert not trials["relay-from-network"].ok
    outside = trials["relay-from-outside"]
    assert (outside.ok, outside.found) == (False, found)


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


@pytest.mark.usefixtures("refusing")
def test_a_host_that_does_not_switch_off_is_not_tested_as_if_it_were_off(
    monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    monkeypatch.setattr("labctl.mailtest.faults._OFF", 0.1)
    pair.two.fake.when("systemctl", "--no-block", "poweroff", answer=lambda _ran: Reply())
    with pytest.raises(LabError, match="host2 did not switch off") as failed:
        run_negative_test(pair.targets, Switch(pair), timeout=0.2)  # type: ignore[arg-type]
    assert str(failed.value.hint) == "labctl up"


class Off:
    """A provider that says that the second host is off, and can do nothing about it."""

    def status(self) -> dict[str, HostState]:
        return {"host1": HostState.RUNNING, "host2": HostState.STOPPED}

    def start(self, _progress: object) -> bool:
        return True
