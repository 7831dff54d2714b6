"""Grades as data: failed and blocked sections, and their JUnit form."""

from __future__ import annotations

import pytest

from labctl.engine import bring_up
from labctl.errors import WrongState, WrongUsage
from labctl.grading import Grades, chosen_steps, grade_hosts, wrong
from labctl.render.junit import check_cases
from labctl.results import Finding, Outcome, StepReport
from provision.steps import book_steps, find_step
from tests.books import LAB
from tests.fakes.lab import MemoryLab, memory_lab

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
    right, wrong, blocked = check_cases(
        Grades(
            (report("dns", RIGHT), report("postfix", WRONG), report("smtp-auth", blocked_by="x"))
        )
    )
    assert right.failure == ""
    assert wrong.failure == "mydestination"
    assert "look at postconf -n" in wrong.details
    assert blocked.failure == "blocked by x"


def test_steps_are_chosen_by_name_in_the_books_order() -> None:
    assert [step.name for step in chosen_steps(["aliases", "dns"], LAB)] == ["dns", "aliases"]
    with pytest.raises(WrongUsage) as error:
        chosen_steps(["nothing"], LAB)
    assert "smtp-auth" in str(error.value.hint)


# -- a lab in memory ------------------------------------------------------------------------


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> MemoryLab:
    lab = memory_lab(monkeypatch)
    bring_up(lab.session(), lab.progress)
    lab.said.clear()
    return lab


def graded(lab: MemoryLab, *names: str, hosts: list[str] | None = None) -> Grades:
    with lab.session().targets(hosts) as targets:
        steps = chosen_steps(names, LAB) if names else None
        return grade_hosts(targets, steps, lab.progress)


def outcomes(grades: Grades, host: str) -> dict[str, Outcome]:
    return {report.step: report.outcome for report in grades.reports if report.host == host}


def test_a_whole_lab_is_right_in_every_section_of_the_book(lab: MemoryLab) -> None:
    grades = graded(lab)
    assert grades.ok
    assert [report.host for report in grades.reports[:2]] == ["host1", "host2"]
    names = [step.name for step in book_steps(LAB)]
    assert list(outcomes(grades, "host1")) == names
    assert all(0 <= report.seconds < 60 for report in grades.reports)


def test_one_cause_fails_one_section_and_blocks_what_needs_it(lab: MemoryLab) -> None:
    lab.break_step("packages", "host1")
    grades = graded(lab)
    found = outcomes(grades, "host1")
    assert [name for name, outcome in found.items() if outcome is Outcome.FAILED] == ["packages"]
    blocked = [report for report in grades.reports if report.outcome is Outcome.BLOCKED]
    assert {report.step for report in blocked} >= {
        step.name for step in book_steps(LAB) if "packages" in step.requires
    }
    assert {report.blocked_by for report in blocked} == {"packages"}
    assert set(outcomes(grades, "host2").values()) == {Outcome.OK}
    assert not grades.ok


def test_a_finding_is_what_the_steps_check_found(lab: MemoryLab) -> None:
    lab.break_step("dns", "host2")
    [failed] = [report for report in graded(lab, "dns").reports if not report.findings[0].ok]
    assert (failed.host, failed.section) == ("host2", find_step("dns", LAB).section)
    assert [finding.code for finding in wrong(failed)] == ["dns.file"]


def test_only_what_is_chosen_is_reported(lab: MemoryLab) -> None:
    grades = graded(lab, "aliases", "dns", hosts=["host2"])
    assert [(report.step, report.host) for report in grades.reports] == [
        ("dns", "host2"),
        ("aliases", "host2"),
    ]


def test_each_section_is_told_as_its_check_begins(lab: MemoryLab) -> None:
    graded(lab, "dns", hosts=["host1"])
    assert ("host1", find_step("dns", LAB).section) in lab.said


def test_without_a_host_there_is_nothing_to_check(lab: MemoryLab) -> None:
    with pytest.raises(WrongUsage, match="no host to check"):
        graded(lab, hosts=[])


def test_a_section_that_the_lab_has_not_is_refused(lab: MemoryLab) -> None:
    with pytest.raises(WrongUsage) as refused:
        graded(lab, "thunderbird")
    assert refused.value.message == "this lab has no thunderbird on host1, host2"
    assert "labctl check --list" in str(refused.value.hint)


def test_a_host_that_is_gone_is_an_error_and_no_grade(lab: MemoryLab) -> None:
    with lab.session().targets() as targets:
        lab.world.hosts["host2"].running = False
        with pytest.raises(WrongState, match="host2"):
            grade_hosts(targets, progress=lab.progress)


def test_a_junit_case_says_everything_of_a_failed_section() -> None:
    other = Finding("postfix.mydomain", False, "mydomain", "x", "y", "look again")
    [case] = check_cases(Grades((report("postfix", WRONG, RIGHT, other),)))
    assert (case.group, case.name, case.seconds) == ("host1", "postfix 節", 0.5)
    assert case.failure == "mydestination; mydomain"
    assert case.details.splitlines() == [
        "postfix.mydestination: mydestination: found a, expected b. look at postconf -n",
        "postfix.mydomain: mydomain: found x, expected y. look again",
    ]
