"""The mail client tests on the lab: each fails when something that it needs is broken."""

from __future__ import annotations

from collections.abc import Mapping

from labctl.mailtest.client import run_client_test
from labctl.report.wording import explanation_of
from provision.step import Target
from tests.lab.test_mail import STUDENTS_BOX, broken, leftovers

Targets = Mapping[str, Target]
CLEAN = "rm -rf /var/mail/user1 /home/user1/mail"


def test_both_send_with_auth_and_fetch_by_imap_and_pop3(targets: Targets) -> None:
    with broken(targets["host1"], CLEAN, ":"):
        result = run_client_test(targets)
    assert result.ok
    assert [trial.code for trial in result.trials].count("client.auth-login") == 2
    ways = {(d.sender, d.recipient): [hop.host for hop in d.hops] for d in result.deliveries}
    assert ways == {
        ("user1@example1.jp", "user1@example1.jp"): ["host1"],
        ("user1@example1.jp", "user2@example2.jp"): ["host1", "host2"],
        ("user2@example2.jp", "user2@example2.jp"): ["host2"],
        ("user2@example2.jp", "user1@example1.jp"): ["host2", "host1"],
    }
    assert {d.subject for d in result.deliveries} == {
        "テストメール from user1",
        "テストメール from user2",
    }
    # No mailbox, index or other file of Dovecot was created.
    left = targets["host1"].remote.run(["ls", "-A", "/home/user1", "/var/mail"]).stdout
    assert "\nuser1\n" not in left and "\nmail\n" not in left
    assert {leftovers(target) for target in targets.values()} == {""}


def test_a_students_mail_survives_the_client_too(targets: Targets) -> None:
    remote = targets["host1"].remote
    with broken(targets["host1"], CLEAN, CLEAN):
        remote.run(["tee", "/var/mail/user1"], stdin=STUDENTS_BOX)
        remote.script("chown user1:mail /var/mail/user1; chmod 600 /var/mail/user1")
        assert run_client_test(targets).ok
        assert remote.run(["cat", "/var/mail/user1"]).stdout == STUDENTS_BOX


def test_without_saslauthd_the_client_cannot_send(targets: Targets) -> None:
    with broken(targets["host2"], "systemctl stop saslauthd", "systemctl start saslauthd"):
        result = run_client_test(targets, timeout=5)
    failed = {trial.code: trial for trial in result.trials if not trial.ok}
    assert set(failed) == {"client.auth-plain", "client.auth-login"}
    assert {trial.host for trial in failed.values()} == {"host2"}
    assert {d.sender for d in result.deliveries if not d.ok} == {"user2@example2.jp"}


def test_without_dovecot_mail_is_sent_and_not_fetched(targets: Targets) -> None:
    with broken(targets["host2"], "systemctl stop dovecot", "systemctl start dovecot"):
        result = run_client_test(targets, timeout=5)
    assert all(trial.ok for trial in result.trials)
    failed = [d for d in result.deliveries if not d.ok]
    assert {d.recipient for d in failed} == {"user2@example2.jp"}
    assert all("refused" in " ".join(explanation_of(d)) for d in failed)
    assert {leftovers(target) for target in targets.values()} == {""}


def test_without_dns_only_the_lookup_and_the_way_between_the_hosts_fail(targets: Targets) -> None:
    with broken(targets["host2"], "systemctl stop named", "systemctl start named"):
        result = run_client_test(targets, timeout=5)
    assert [t.host for t in result.trials if not t.ok] == ["host2"]
    assert {d.sender for d in result.deliveries if d.sender == d.recipient and not d.ok} == set()
