"""The kept result of the last mail test."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labctl.home import LabHome, lab_home
from labctl.mailtest.last_result import keep_result, last_result
from labctl.results import Delivery, MailTestResult, Trial

DELIVERY = Delivery(
    kind="message",
    sender="user1@example1.jp",
    recipient="user2@example2.jp",
    subject="件名",
    message_id="<1@example1.jp>",
    arrived=True,
    read=True,
    seconds=0.25,
    evidence=("status=sent",),
)
TRIAL = Trial("negative.wrong-password", "host1", "a login", True, "535", "535 5.7.8", 0.5)
RESULT = MailTestResult("2026-11-27T10:00:00+09:00", 1.5, (DELIVERY,), (TRIAL,))


@pytest.fixture
def home() -> LabHome:
    return lab_home("default")


def test_what_is_kept_is_what_is_read(home: LabHome) -> None:
    assert last_result(home) is None
    keep_result(home, RESULT)
    assert last_result(home) == RESULT


def test_only_the_last_result_is_kept(home: LabHome) -> None:
    keep_result(home, RESULT)
    later = replace(RESULT, started="2026-11-27T11:00:00+09:00", trials=())
    keep_result(home, later)
    assert last_result(home) == later


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'{"started": 1, "other": 2}'])
def test_what_another_version_kept_is_no_result(home: LabHome, text: bytes) -> None:
    keep_result(home, RESULT)
    (home.state / "mail-test.json").write_bytes(text)
    assert last_result(home) is None
