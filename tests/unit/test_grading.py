"""Grades as data: what fails, what is blocked, and how a JUnit reader sees it."""

from __future__ import annotations

import pytest

from labctl.errors import WrongUsage
from labctl.grading import Grades, chosen_steps, junit_cases
from labctl.results import Finding, Outcome, StepReport

RIGHT = Finding("dns.named", True, "BIND runs")
WRONG = Finding("postfix.mydestination", False, "mydestination", "a", "b", "look at postconf -n")


def report(step: str, *findings: Finding, blocked_by: str = "") -> StepReport:
    return StepReport(step, "節", "host1", 0.5, findings=findings, blocked_by=blocked_by)


def test_a_section_is_right_when_all_its_findings_are() -> None:
    assert report("dns", RIGHT).outcome is Outcome.OK
    assert report("postfix", RIGHT, WRONG).outcome is Outcome.FAILED
    assert report("smtp-auth", blocked_by="postfix").outcome is Outcome.BLOCKED


def test_a_blocked_section_keeps_the_whole_from_being_right() -> None:
    assert Grades((report("dns", RIGHT),)).ok
    assert not Grades((report("dns", RIGHT), report("dovecot", blocked_by="accounts"))).ok


def test_junit_names_the_cause_and_carries_the_hint() -> None:
    right, wrong, blocked = junit_cases(
        Grades(
            (report("dns", RIGHT), report("postfix", WRONG), report("smtp-auth", blocked_by="x"))
        )
    )
    assert right.failure == ""
    assert wrong.failure == "mydestination"
    assert "look at postconf -n" in wrong.details
    assert blocked.failure == "blocked by x"


def test_steps_are_chosen_by_name_in_the_books_order() -> None:
    assert [step.name for step in chosen_steps(["aliases", "dns"])] == ["dns", "aliases"]
    with pytest.raises(WrongUsage) as error:
        chosen_steps(["nothing"])
    assert "smtp-auth" in str(error.value.hint)
