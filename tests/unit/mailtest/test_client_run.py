"""The client's part against mail servers in memory: what passes, and everything that fails."""

from __future__ import annotations

from base64 import b64decode

import dns.exception
import dns.query
import pytest

from labctl.mailtest.client import find_server, run_client_test
from labctl.mailtest.explain import FailureCause
from labctl.results import MailTestResult
from tests.unit.mailtest.pair import PASSWORD, Pair
from tests.unit.mailtest.servers import Handler, Imap, Pop3, Smtp, serve

RECORDS = {
    ("example1.jp", "MX"): "10 mail.example1.jp.",
    ("mail.example1.jp", "A"): "192.168.56.101",
    ("example2.jp", "MX"): "10 mail.example2.jp.",
    ("mail.example2.jp", "A"): "192.168.56.102",
}


class World:
    """Both servers; every message that one accepts is in the inbox of its recipient."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pair = Pair()
        self.records = dict(RECORDS)
        self.inboxes: dict[str, list[bytes]] = {"user1": [], "user2": []}
        self.smtp = {name: _Delivering(self.inboxes) for name in ("host1", "host2")}
        self.pop3_boxes = self.inboxes
        self._monkeypatch = monkeypatch

    def run(self, timeout: float = 0.3) -> MailTestResult:
        servers: dict[tuple[str, int], Handler] = {}
        for number, user in (("1", "user1"), ("2", "user2")):
            address, login = f"192.168.56.10{number}", (user, PASSWORD)
            servers[address, 25] = self.smtp[f"host{number}"]
            servers[address, 143] = Imap(login, self.inboxes[user])
            servers[address, 110] = Pop3(login, self.pop3_boxes[user])
        serve(self._monkeypatch, servers, self.records)
        return run_client_test(self.pair.targets, timeout=timeout)


class _Delivering(Smtp):
    def __init__(self, inboxes: dict[str, list[bytes]]) -> None:
        super().__init__({})
        self._inboxes = inboxes
        self.changes: tuple[bytes, bytes] = (b"", b"")
        self.taken = _Taken(self)

    def deliver(self, raw: bytes) -> None:
        old, new = self.changes
        to = raw.partition(b"To: ")[2].partition(b"@")[0].decode()
        self._inboxes[to].append(raw.replace(old, new, 1) if old else raw)


class _Taken(list[bytes]):
    def __init__(self, server: _Delivering) -> None:
        super().__init__()
        self._server = server

    def append(self, raw: bytes) -> None:
        super().append(raw)
        self._server.deliver(raw)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    # These servers log nothing, so there is nothing to wait for.
    monkeypatch.setattr("labctl.mailtest.watch._LOG_LAG", 0.0)
    return World(monkeypatch)


def failed(result: MailTestResult) -> set[str]:
    return {f"{trial.code} {trial.host}" for trial in result.trials if not trial.ok}


def test_two_accounts_send_to_themselves_and_to_each_other(world: World) -> None:
    result = world.run()
    assert failed(result) == set()
    assert {(d.sender[:5], d.recipient[:5]) for d in result.deliveries} == {
        (one, other) for one in ("user1", "user2") for other in ("user1", "user2")
    }
    assert result.ok


def test_both_mechanisms_are_tried_with_the_accounts_password(world: World) -> None:
    world.run()
    for user, server in zip(("user1", "user2"), world.smtp.values(), strict=True):
        plain, login = [line.split() for line in server.heard if line.startswith("AUTH")]
        assert (plain[1], login[1]) == ("PLAIN", "LOGIN")
        assert b64decode(plain[2]).decode() == f"\0{user}\0{PASSWORD}"
        assert b64decode(login[2]).decode() == user


def test_a_server_that_lets_nobody_in_sends_nothing(world: World) -> None:
    world.smtp["host1"].replies = {"AUTH": "535 5.7.8 authentication failed"}
    result = world.run()
    assert failed(result) == {"client.auth-plain host1", "client.auth-login host1"}
    assert {d.sender for d in result.deliveries if not d.ok} == {"user1@example1.jp"}


def test_a_name_that_is_wrong_in_dns_fails_alone(world: World) -> None:
    world.records["example2.jp", "MX"] = "10 www.example2.jp."
    world.records["www.example2.jp", "A"] = "192.168.56.102"
    result = world.run()
    assert failed(result) == {"client.dns host2"}
    (trial,) = [each for each in result.trials if not each.ok]
    assert trial.found == "www.example2.jp 192.168.56.102"


def test_without_dns_the_rest_is_tried_at_the_known_addresses(world: World) -> None:
    world.records.clear()
    result = world.run()
    assert failed(result) == {"client.dns host1", "client.dns host2"}
    assert all(delivery.ok for delivery in result.deliveries)
    assert "NXDOMAIN" in result.trials[0].found


def test_a_domain_without_a_mail_server_fails_in_labctls_words(world: World) -> None:
    del world.records["example1.jp", "MX"]
    del world.records["mail.example2.jp", "A"]
    world.records["example1.jp", "A"] = "192.168.56.101"
    world.records["mail.example2.jp", "MX"] = "10 mail.example2.jp."
    result = world.run()
    assert [trial.found for trial in result.trials if not trial.ok] == [
        "example1.jp has no MX record",
        "mail.example2.jp has no A record",
    ]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (dns.exception.Timeout, "no answer in time"),
        (dns.query.BadResponse, "the answer of the name server is not valid"),
    ],
)
def test_a_name_server_that_fails_is_told_in_labctls_words(
    monkeypatch: pytest.MonkeyPatch, world: World, error: type[Exception], text: str
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(dns.query, "udp", fail)
    result = world.run()
    assert {trial.found for trial in result.trials if not trial.ok} == {text}


def test_a_message_that_does_not_come_is_late(world: World) -> None:
    world.inboxes["user2"] = []
    world.smtp["host1"].taken = []  # accepted, and never delivered
    result = world.run()
    lost = {d.recipient for d in result.deliveries if not d.ok}
    assert lost == {"user1@example1.jp", "user2@example2.jp"}
    assert {d.cause for d in result.deliveries if not d.ok} == {FailureCause.LATE}


def test_a_changed_message_is_not_as_sent(world: World) -> None:
    world.smtp["host2"].changes = (b"Subject: ", b"Subject: [spam] ")
    result = world.run()
    assert {d.sender for d in result.deliveries if not d.read} == {"user2@example2.jp"}
    assert all(d.arrived for d in result.deliveries)
    assert any("[spam]" in line for d in result.deliveries for line in d.evidence)


def test_a_message_that_pop3_does_not_have_is_not_as_sent(world: World) -> None:
    world.pop3_boxes = {"user1": [], "user2": []}
    assert not any(delivery.read for delivery in world.run().deliveries)


def test_the_messages_of_the_run_are_removed_at_its_end(world: World) -> None:
    world.run()
    for host in world.pair.hosts.values():
        scripts = {ran.words[0]: ran.words for ran in host.fake.ran}
        (token,) = {raw.partition(b"Message-ID: <")[2].split(b".plain")[0] for raw in
                    world.inboxes[str(host.target.host.account)] if b".plain@" in raw}  # fmt: skip
        assert token.decode() in scripts["mailbox-put-back.sh"]


def test_the_preferred_mail_server_counts(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    world.records["example1.jp", "MX"] = (
        "20 old.example1.jp.\n5 mail.example1.jp.\n9 b.example1.jp."
    )
    serve(monkeypatch, {}, world.records)
    target = world.pair.one.target
    server = find_server(target.remote.endpoint, target.host)
    assert (server.name, server.address) == ("mail.example1.jp", "192.168.56.101")
