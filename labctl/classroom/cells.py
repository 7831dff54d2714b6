"""From the grades of a lab to the cells of the board."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from threading import Lock

from labctl.classroom.rows import Cell, CellState, Detail, Graded, Said, Section
from labctl.grading import Grades, wrong
from labctl.i18n import in_every_language
from labctl.lab import Lab
from labctl.results import Finding, Outcome, StepReport
from provision.steps import book_steps

# Characters of a text of a cell, and how many things that are wrong it shows.
_LONGEST, _MOST = 1000, 20
# Bytes of what is shown of a seat. A seat on which everything is wrong needs about 10,000.
_MOST_BYTES = 64 * 1024


def sections_of(lab: Lab) -> tuple[Section, ...]:
    """The columns, in the book's order."""
    titles = {each.step: each.title for each in lab.edition.sections}
    found = []
    for step in book_steps(lab):
        title = titles.get(step.name)
        said = {"ja": step.section, "en": step.section}
        if title is not None:
            said = {
                "ja": title.ja or step.section,
                "en": title.en or title.gloss or title.ja or step.section,
            }
        found.append(Section(step=step.name, title=said))
    return tuple(found)


def graded(seat: int, grades: Grades) -> Graded:
    """The cells of a grading, without their times."""
    steps = dict.fromkeys(report.step for report in grades.reports)
    cells = (_cell(step, [each for each in grades.reports if each.step == step]) for step in steps)
    return Graded(seat=seat, cells=within_limit(tuple(cells)))


def within_limit(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells of a seat, without the details that would make its row too long to send."""
    left = _MOST_BYTES
    found = []
    for cell in cells:
        details = []
        for detail in cell.details:
            left -= len(detail.model_dump_json().encode())
            if left < 0:
                break
            details.append(detail)
        found.append(cell.model_copy(update={"details": tuple(details)}))
    return tuple(found)


class Sections:
    """Tells of a section before the whole grading ends, if it is not as in the last grading.

    Reports are compared with the reports of the same kind before, not with the result, which may
    leave out what follows from something else. So nothing is told while nothing changes.
    """

    def __init__(self, hosts: int, tell: Callable[[Cell], None]) -> None:
        """`hosts` is the number of reports of a section. Any thread may call `add`."""
        self._hosts = hosts
        self._tell = tell
        self._lock = Lock()
        self._before: dict[str, Cell] = {}
        self._now: dict[str, list[StepReport]] = {}

    def begin(self) -> None:
        """A grading begins."""
        with self._lock:
            self._now = {}

    def add(self, report: StepReport) -> None:
        """Take the report of a section on one host."""
        with self._lock:
            reports = self._now.setdefault(report.step, [])
            reports.append(report)
            if len(reports) < self._hosts:
                return
            cell = _cell(report.step, sorted(reports, key=lambda each: each.host))
            before = self._before.get(report.step)
            self._before[report.step] = cell
            if before is not None and before != cell:
                self._tell(cell)


def _cell(step: str, reports: Sequence[StepReport]) -> Cell:
    """The section on all hosts: one that is wrong makes it wrong."""
    found = [(report.host, each) for report in reports for each in wrong(report)]
    details = [_detail(host, each) for host, each in found[:_MOST]]
    outcomes = {report.outcome for report in reports}
    if Outcome.FAILED in outcomes:
        return Cell(step=step, state=CellState.WRONG, details=tuple(details))
    if Outcome.BLOCKED in outcomes:
        first = next(report.blocked_by for report in reports if report.blocked_by)
        return Cell(step=step, state=CellState.NOT_YET, waits_for=first)
    return Cell(step=step, state=CellState.RIGHT)


def _detail(host: str, finding: Finding) -> Detail:
    return Detail(
        host=host,
        what=said_of(finding.what),
        found=said_of(finding.found),
        expected=said_of(finding.expected),
        hint=said_of(finding.hint),
    )


def said_of(text: str) -> Said:
    """The text in every language, fit for a page: a host may say anything, of any length."""
    said = in_every_language(text) if text else {}
    return {lang: "".join(map(_shown, each[:_LONGEST])) for lang, each in said.items()}


def _shown(char: str) -> str:
    """The character, or a sign for one that no page can show or no line can carry."""
    is_control = unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t"
    return "\N{REPLACEMENT CHARACTER}" if is_control else char
