"""A repeated check shows a section that changed at once, and nothing while nothing changes."""

from __future__ import annotations

from labctl.check_watch import Repeating
from labctl.grading import Grades
from labctl.results import Finding, StepReport

RIGHT = Finding("postfix.running", True, "Postfix runs", "active", "active")
WRONG = Finding("postfix.running", False, "Postfix runs", "inactive", "active")
AUTH = Finding("smtp-auth.plain", False, "AUTH PLAIN", "no answer", "235")


def report(finding: Finding, step: str = "postfix", host: str = "host1") -> StepReport:
    return StepReport(step, step, host, 0.1, findings=(finding,))


def shown() -> tuple[list[Grades], Repeating]:
    pages: list[Grades] = []
    first = Grades((report(RIGHT), report(RIGHT, host="host2"), report(AUTH, "smtp-auth")))
    repeating = Repeating(first, pages.append)
    assert pages.pop() is first
    for each in first.reports:
        repeating.told(each)
    repeating.ended(first)
    assert pages.pop() is first
    return pages, repeating


def test_a_section_that_changed_is_shown_before_the_rest() -> None:
    pages, repeating = shown()
    repeating.told(report(RIGHT, host="host2"))
    assert pages == []
    repeating.told(report(WRONG))
    [page] = pages
    assert [each.findings[0].ok for each in page.reports] == [False, True, False]
    assert page.reports[1].host == "host2"
    assert repeating.grades is page


def test_a_section_that_is_not_blocked_any_more_is_shown() -> None:
    pages, repeating = shown()
    blocked = StepReport("postfix", "postfix", "host1", 0.1, blocked_by="packages")
    repeating.told(blocked)
    repeating.told(report(RIGHT))
    assert [page.reports[0].blocked_by for page in pages] == ["packages", ""]


def test_what_follows_from_something_else_does_not_flicker() -> None:
    pages, repeating = shown()
    # The result blocks smtp-auth; its own report says the same each time.
    repeating.ended(Grades((report(WRONG), report(RIGHT, host="host2"))))
    pages.clear()
    repeating.told(report(AUTH, "smtp-auth"))
    assert pages == []
