"""One fault gives one failure. A section that depends on a failed one is blocked and names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Barrier
from typing import cast

import pytest

from labctl import grading as module
from labctl.credentials import Credentials
from labctl.lab import load_lab
from labctl.remote import Remote
from labctl.results import Finding, Outcome, StepReport
from provision import patience
from provision.step import Scene, Step, Target
from tests.fakes.grading import grade

Check = Callable[[Target], list[Finding]]


def right(_target: Target) -> list[Finding]:
    return [Finding("x.right", True, "right")]


def wrong(_target: Target) -> list[Finding]:
    return [Finding("x.right", True, "right"), Finding("x.wrong", False, "wrong")]


def follows(_target: Target) -> list[Finding]:
    """What a section finds that fails because of another one."""
    return [Finding("x.follows", False, "follows")]


def step(name: str, check: Check, *requires: str) -> Step:
    return Step(name, f"section {name}", "", lambda _target: [], check, requires=requires)


@pytest.fixture
def target() -> Target:
    """host1 without a connection, because the checks in these tests do not use it."""
    lab = load_lab("class-a")
    scene = Scene(lab, lab.host("host1"), ())
    return Target(scene, cast(Remote, None), Credentials(passwords={}))


def know(monkeypatch: pytest.MonkeyPatch, steps: tuple[Step, ...]) -> None:
    """Let the lab have these steps alone."""
    monkeypatch.setattr(module, "steps_of", lambda _lab: steps)
    monkeypatch.setattr(module, "in_book_order", lambda reports, _lab: tuple(reports))


@pytest.fixture
def graded(target: Target, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, StepReport]]:
    def run(*steps: Step, chosen: tuple[str, ...] = ()) -> dict[str, StepReport]:
        know(monkeypatch, steps)
        wanted = [each for each in steps if not chosen or each.name in chosen]
        return {report.step: report for report in grade(target, wanted)}

    return run


Graded = Callable[..., dict[str, StepReport]]


def test_what_a_blocked_section_finds_does_not_count(
    graded: Graded,
) -> None:
    reports = graded(step("a", wrong), step("b", follows, "a"))
    assert reports["a"].outcome is Outcome.FAILED
    assert reports["b"].outcome is Outcome.BLOCKED
    assert (reports["b"].blocked_by, reports["b"].findings) == ("a", ())


def test_the_first_cause_is_named_through_all_that_stand_between(graded: Graded) -> None:
    reports = graded(step("a", wrong), step("b", follows, "a"), step("c", follows, "b"))
    assert reports["c"].blocked_by == "a"


def test_all_sections_begin_also_those_that_another_will_block(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (step("a", wrong), step("b", follows, "a"), step("c", right))
    know(monkeypatch, steps)
    told: list[tuple[str, str]] = []
    grade(target, steps, lambda host, what: told.append((host, what)))
    assert sorted(told) == [("host1", f"section {name}") for name in "abc"]


def test_a_section_beside_the_failed_one_is_still_checked(graded: Graded) -> None:
    reports = graded(step("a", wrong), step("b", right), step("c", right, "b"))
    assert {name: report.outcome for name, report in reports.items()} == {
        "a": Outcome.FAILED,
        "b": Outcome.OK,
        "c": Outcome.OK,
    }


def test_a_precondition_may_stand_later_in_the_book(graded: Graded) -> None:
    reports = graded(step("auth", follows, "account"), step("account", wrong))
    assert list(reports) == ["auth", "account"]
    assert reports["auth"].blocked_by == "account"


def test_one_section_asked_for_is_blocked_by_another_that_is_not_reported(graded: Graded) -> None:
    reports = graded(step("a", wrong), step("b", follows, "a"), chosen=("b",))
    assert list(reports) == ["b"]
    assert reports["b"].blocked_by == "a"


def test_a_precondition_of_two_is_checked_once(graded: Graded) -> None:
    asked: list[str] = []

    def counted(target: Target) -> list[Finding]:
        asked.append(target.host.name)
        return right(target)

    graded(step("a", counted), step("b", right, "a"), step("c", right, "a"))
    assert asked == ["host1"]


def test_sections_that_do_not_stand_on_each_other_are_checked_at_once(graded: Graded) -> None:
    both = Barrier(2, timeout=10)

    def meets(target: Target) -> list[Finding]:
        both.wait()
        return right(target)

    # If the checks ran one after the other, the first would wait for the second until timeout.
    graded(step("a", meets), step("b", meets))


@pytest.fixture
def waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have the machine wait for its disk, so many microseconds since it started."""
    disk = tmp_path / "io"

    def wait(microseconds: int) -> None:
        disk.write_text(f"some avg10=0 avg60=0 avg300=0 total={microseconds}")

    monkeypatch.setattr(patience, "_PRESSURE", disk)
    wait(0)
    return wait


@pytest.mark.parametrize(("waited", "looks"), [(0, 1), (5_000_000, 2)])
def test_what_fails_while_the_machine_stands_still_is_looked_at_once_more(
    graded: Graded, waits: Callable[[int], None], waited: int, looks: int
) -> None:
    asked: list[str] = []

    def late_at_first(target: Target) -> list[Finding]:
        asked.append(target.host.name)
        waits(waited)
        return right(target) if len(asked) > 1 else wrong(target)

    reports = graded(step("a", late_at_first))
    assert len(asked) == looks
    assert reports["a"].outcome is (Outcome.OK if looks == 2 else Outcome.FAILED)


def test_what_is_right_on_a_machine_that_stands_still_is_right(
    graded: Graded, waits: Callable[[int], None]
) -> None:
    asked: list[str] = []

    def slow(target: Target) -> list[Finding]:
        asked.append(target.host.name)
        waits(9_000_000)
        return right(target)

    graded(step("a", slow))
    assert asked == ["host1"]
