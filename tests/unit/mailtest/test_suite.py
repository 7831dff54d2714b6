"""The parts of the mail test are one result, and become test cases for each delivery and trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from labctl.lab import Lab, load_lab
from labctl.mailtest.suite import PARTS, Part, run_parts
from labctl.render.junit import mail_cases
from labctl.results import Delivery, MailTestResult, Trial
from labctl.session import Session

LOST = Delivery(
    kind="message",
    sender="user1@example1.jp",
    recipient="user2@example2.jp",
    subject="Test mail from user1",
    message_id="labctl.1@example1.jp",
    arrived=False,
    read=False,
    seconds=1.5,
    cause="not-listening",
    evidence=("host1: smtp[1]: deferred",),
)
TRIAL = Trial("client.dns", "host2", "a lookup", True, "mail", "mail", 0.1)
RUN = MailTestResult("2026-11-25T01:00:00+00:00", 2.0, (LOST,), (TRIAL,))


def test_a_lost_message_is_a_failed_case_with_its_explanation() -> None:
    trial, delivery = mail_cases([RUN])
    assert (trial.group, trial.name, trial.failure) == (
        "test-mail.trial",
        "client.dns host2",
        "",
    )
    assert delivery.name == "message user1@example1.jp to user2@example2.jp"
    assert delivery.failure.startswith("No server accepts connections at that address")
    assert "host1: smtp[1]: deferred" in delivery.details
    assert not RUN.ok


def test_repeated_runs_are_groups_of_their_own() -> None:
    groups = [case.group for case in mail_cases([RUN, RUN])]
    assert groups == [f"test-mail.{n}.{what}" for n in (1, 2) for what in ("trial", "delivery")]


@dataclass
class Opened:
    """A session with two mail servers. `asked` are the parts that ran, with their arguments."""

    lab: Lab = field(default_factory=lambda: load_lab("default"))
    provider: str = "the provider"
    asked: list[tuple[object, ...]] = field(default_factory=list)

    @contextmanager
    def targets(self, names: Sequence[str]) -> Iterator[dict[str, str]]:
        yield {name: f"target {name}" for name in names}
        self.asked.append(("closed",))

    def part(self, name: str, result: MailTestResult) -> Any:
        def run(targets: object, *words: object, timeout: float, progress: object) -> object:
            self.asked.append((name, targets, *words, timeout, progress))
            return result

        return run


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    session = Opened()
    for number, (module, name) in enumerate(
        [("conversation", "mail"), ("client", "client"), ("negative", "negative")]
    ):
        trial = replace(TRIAL, code=f"{name}.trial")
        delivery = replace(LOST, subject=name)
        result = MailTestResult(f"begun {number}", 2.0 + number, (delivery,), (trial,))
        monkeypatch.setattr(f"labctl.mailtest.{module}.run_{name}_test", session.part(name, result))
    return session


def run(opened: Opened, parts: Sequence[Part], said: object) -> MailTestResult:
    return run_parts(cast(Session, opened), parts, timeout=7.0, progress=cast(Any, said))


def test_all_parts_run_in_order_on_one_connection_to_the_mail_servers(opened: Opened) -> None:
    said = object()
    result = run(opened, PARTS, said)
    targets = {"host1": "target host1", "host2": "target host2"}
    assert opened.asked == [
        ("mail", targets, 7.0, said),
        ("client", targets, 7.0, said),
        # It switches a host off and on.
        ("negative", targets, "the provider", 7.0, said),
        ("closed",),
    ]
    assert (result.started, result.seconds) == ("begun 0", 9.0)
    assert [each.subject for each in result.deliveries] == ["mail", "client", "negative"]
    assert [each.code for each in result.trials] == [f"{part}.trial" for part in PARTS]


def test_only_the_chosen_part_runs(opened: Opened) -> None:
    result = run(opened, ["client"], print)
    assert [each[0] for each in opened.asked] == ["client", "closed"]
    assert (result.started, result.seconds) == ("begun 1", 3.0)
