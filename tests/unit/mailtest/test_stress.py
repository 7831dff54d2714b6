"""The result of a stress test: the share of each phase, the failures, and the output."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labctl.mailtest.stress import shares
from labctl.render.junit import stress_cases
from labctl.render.stress import print_stress
from labctl.results import Astray, StressPhase, StressResult

QUIET = StressPhase(
    name="quiet",
    what="no fault",
    seconds=2.0,
    sent=100,
    accepted=99,
    refused=0,
    unanswered=1,
    held=7,
    delivered=99,
    waiting=0,
    lost=0,
    duplicates=0,
    repeated=0,
)
CUT = replace(QUIET, name="power-cut", what="power cut on both")
LOST = Astray(
    token="labctl.7.power-cut.3@example1.jp",
    phase="power-cut",
    sender="host1",
    recipient="host2",
    fate="lost",
    copies=0,
    window="",
    queue_ids=("host1 E22A755801A",),
    story=("host1: sendmail: accepted", "host1: 08:55:08 qmgr[1120]: E22A755801A: removed"),
)
AGAIN = replace(LOST, fate="repeated", copies=2, window="smtp")


def result(*astray: Astray, phases: tuple[StressPhase, ...] = (QUIET, CUT)) -> StressResult:
    return StressResult("2026-11-25T08:55:00+00:00", 60.0, phases, astray)


@pytest.mark.parametrize("messages", [50, 120, 500, 503, 509])
def test_every_message_is_shared_out_evenly(messages: int) -> None:
    parts = [number for share in shares(messages, 5) for number in share]
    assert sum(parts) == messages
    assert max(parts) - min(parts) <= 1


def test_a_copy_sent_again_is_told_but_no_failure() -> None:
    assert result().ok and result(AGAIN).ok
    assert not result(LOST).ok
    assert not result(replace(LOST, fate="duplicate")).ok


def test_a_phase_in_which_nothing_was_accepted_proves_nothing() -> None:
    deaf = replace(CUT, accepted=0, refused=100)
    assert not result(phases=(QUIET, deaf)).ok
    failures = [case.failure for case in stress_cases(result(phases=(QUIET, deaf)))]
    assert failures == ["", "no message was accepted: power-cut"]


def test_a_loss_fails_the_case_of_its_phase_with_its_story() -> None:
    quiet, cut = stress_cases(result(LOST, replace(AGAIN, phase="quiet")))
    assert quiet.failure == ""
    assert LOST.token in cut.failure
    assert "E22A755801A: removed" in cut.details


def test_the_table_has_a_row_for_each_phase_and_no_empty_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_stress(result(), as_json=False)
    out = capsys.readouterr().out
    assert "no fault" in out and "power cut on both" in out
    assert "all 198 accepted messages arrived" in out
    assert "duplicate" not in out and "lost" not in out


def test_a_loss_is_printed_with_its_log_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_stress(result(LOST, phases=(QUIET, replace(CUT, delivered=98, lost=1))), as_json=False)
    out = capsys.readouterr().out
    assert f"{LOST.token}  lost" in out
    assert "E22A755801A: removed" in out
    assert "of 198 accepted messages, 1 did not arrive and 0 arrived twice" in out


def test_what_waits_in_a_queue_is_told_and_no_loss(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = result(phases=(QUIET, replace(CUT, delivered=90, waiting=9)))
    assert waiting.ok
    print_stress(waiting, as_json=False)
    assert "none of 198 accepted messages is lost; still in queues: 9" in capsys.readouterr().out
