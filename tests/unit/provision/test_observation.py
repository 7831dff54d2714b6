"""What is tried on both hosts: the facts that explain a failure are gathered only for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from provision import behaviour
from provision import observing as module
from provision.behaviour import Evidence
from provision.dialogue import Answer
from provision.observing import observing
from provision.step import Target
from provision.stranger import StrangersAnswer
from tests.fakes.host import FakeHost
from tests.fakes.target import fake_target

REFUSED = "454 4.7.1 Relay access denied"
SENT = """
own-from	From: {own}
peer-log	host1 postfix/smtp[1]: B: to=<{peer}>, status=sent (250 2.0.0 Ok)
alias	root
postmaster-line	postmaster: root
alias-box	/var/mail/root
"""


@pytest.fixture(autouse=True)
def _servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that answer rightly."""
    answers: Mapping[str, Any] = {
        "ask_to_relay": StrangersAnswer(REFUSED, REFUSED),
        "smtp_relay": Answer(False, REFUSED),
        "smtp_relay_after_auth": Answer(True, "250 2.1.5 Ok"),
        "imap_shows": Answer(True, ""),
        "pop3_shows": Answer(True, ""),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(module, name, lambda *_args, answer=answer: answer)


def on(name: str, sent: str = SENT, came: str = "coming-from\tFrom: {peer}\n") -> Target:
    host = FakeHost(name)
    target = fake_target(host)
    words = {"own": target.host.mailbox, "peer": target.peer.mailbox}
    host.says("try-mail.sh", stdout=sent.format(**words))
    host.says("mail-came.sh", stdout=came.format(**words))
    host.says("ask-peer.sh", stdout=f"peer-mx\t10 {target.peer.mail_name}.\nasked\tyes\n")
    host.says("evidence.sh", stdout="set\trelayhost = [192.0.2.1]\n")
    return target


def observed(*targets: Target, wrong: bool = False) -> dict[str, Evidence]:
    with observing(targets, "m", sends=True) as observation:
        if wrong:
            observation.note_wrong()
        return observation.evidence()


def ran(target: Target, script: str) -> list[tuple[str, ...]]:
    return [words for each in target.remote.host.ran if (words := each.words)[0] == script]  # type: ignore[attr-defined]


def test_of_hosts_that_are_right_nobody_asks_for_an_explanation() -> None:
    targets = [on("host1"), on("host2")]
    evidence = observed(*targets)
    assert all(seen.ok for seen in behaviour.all_seen(evidence))
    assert not any(ran(target, "evidence.sh") for target in targets)


def test_sessions_may_open_the_mailbox_after_an_observation_that_could_not_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_args: object) -> None:
        raise LookupError

    monkeypatch.setattr(module, "Observation", fails)
    target = on("host1")
    with pytest.raises(LookupError), observing([target], "m", sends=True):
        pass
    assert target.turns.mailbox.acquire(blocking=False)


def test_a_message_that_is_lost_has_the_facts_of_both_hosts_gathered() -> None:
    evidence = observed(on("host1"), on("host2", came=""))
    assert evidence["host1"].settings() == {"relayhost": "[192.0.2.1]"}
    assert evidence["host2"].settings() == {"relayhost": "[192.0.2.1]"}


def test_a_section_that_is_wrong_has_them_gathered_too() -> None:
    assert observed(on("host1"), on("host2"), wrong=True)["host1"].facts.lines("set")


@pytest.mark.parametrize(("fate", "looks"), [("deferred (x)", "1"), ("sent (250 Ok)", "15")])
def test_nobody_waits_for_a_message_that_the_sender_could_not_send(fate: str, looks: str) -> None:
    one, two = on("host1", SENT.replace("sent (250 2.0.0 Ok)", fate)), on("host2")
    observed(one, two)
    [words] = ran(two, "mail-came.sh")
    assert words[2] == looks
    [words] = ran(one, "mail-came.sh")
    assert words[2] == "15"


@pytest.mark.parametrize(
    ("log", "looks"),
    [
        ("", "5"),
        ("peer-log\thost1 postfix/qmgr[1]: B: from=<user1@example1.jp>, (queue active)\n", "5"),
    ],
)
def test_a_sender_that_still_tries_is_waited_for_shortly(log: str, looks: str) -> None:
    sent = "".join(line for line in SENT.splitlines(True) if not line.startswith("peer-log"))
    two = on("host2")
    observed(on("host1", sent + log), two)
    assert [words[2] for words in ran(two, "mail-came.sh")] == [looks]


def test_one_host_alone_waits_for_no_other() -> None:
    one = on("host1")
    assert observed(one)["host1"].sent
    assert ran(one, "mail-came.sh") == []


def test_a_script_that_ends_too_late_counts_as_far_as_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, two = on("host1"), on("host2")
    host: FakeHost = two.remote.host  # type: ignore[attr-defined]
    host.says("try-mail.sh", seconds=10_000)
    evidence = observed(one, two)
    assert evidence["host2"].mail["own-from"] == ""
    assert evidence["host1"].mail["own-from"]
