"""Grades as a table: section, host, result, and what to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Protocol

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from labctl.grading import wrong
from labctl.i18n import _, ngettext
from labctl.render.document import print_json
from labctl.render.screen import console, print_wrapped
from labctl.render.shown import escape
from labctl.report.lines import broken
from labctl.results import Finding, Outcome, StepReport

if TYPE_CHECKING:
    from labctl.grading import Grades
    from provision.settle import Chain
    from provision.step import Step

# The width of the column of names next to a finding, with its padding.
_LEFT = 12
_MARKS = {
    Outcome.OK: "[green]✓[/]",
    Outcome.FAILED: "[bold red]✗[/]",
    Outcome.BLOCKED: "[yellow]–[/]",
}


class Show(Protocol):
    """Show the current grades."""

    def __call__(self, grades: Grades) -> None: ...


def print_grades(
    grades: Grades, *, errors_only: bool, solution: bool, why: bool = False, as_json: bool
) -> None:
    """Print the table and a line with the counts; with `why` also how causes were found."""
    if as_json:
        reports = [
            {**vars(report), "outcome": report.outcome, "findings": list(report.findings)}
            for report in grades.reports
        ]
        data = {"reports": reports, **({"why": _chains(grades)} if why else {})}
        print_json("check", data, ok=grades.ok)
        return
    table = _table(grades, errors_only=errors_only, solution=solution)
    # Hints wrap in their column. Elsewhere the console does not wrap long lines.
    print_wrapped(console(), table)
    if why:
        for chain in grades.chains:
            print_wrapped(console(), _chain(grades, chain))
        if not grades.chains:
            text = (
                _("every behaviour that was tried is right")
                if grades.ok
                else _("every behaviour that was tried is right; only settings are wrong")
            )
            console().print(Text(text, style="dim"))


def _chains(grades: Grades) -> list[dict[str, object]]:
    """The chains for JSON."""
    return [
        {
            "host": chain.seen.host,
            "behaviour": chain.seen.name,
            "found": chain.seen.found,
            "log": list(chain.seen.log),
            "rejected": list(chain.cause.rejected) if chain.cause else [],
            "cause": chain.cause.finding.code if chain.cause else "",
            "cause_host": chain.cause.host if chain.cause else "",
            "blocked_by": chain.blocked_by,
        }
        for chain in grades.chains
    ]


def _chain(grades: Grades, chain: Chain) -> RenderableType:
    """What was tried, what was seen, which explanations did not hold, and the one that did."""
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(width=_LEFT - 2, justify="right", style="dim")
    table.add_column(overflow="fold")
    table.add_row(chain.seen.host, f"[bold]{escape(_(chain.seen.name))}[/]")
    seen = dict.fromkeys([chain.seen.found, *chain.seen.log])
    table.add_row(_("seen"), escape("\n".join(filter(None, seen)) or _("nothing in the log")))
    if chain.cause:
        table.add_row(_("rejected"), escape(", ".join(chain.cause.rejected) or "-"))
        told = f"{chain.cause.host} {chain.cause.finding.code}: {chain.cause.finding.found}"
        table.add_row(_("cause"), f"[red]{escape(told)}[/]")
    else:
        first = _comes_first(grades, chain.seen.host, chain.blocked_by)
        table.add_row(_("cause"), first)
    return table


@contextmanager
def watching(*, errors_only: bool, solution: bool) -> Iterator[Show]:
    """A table that is redrawn in place each time it is shown."""
    with Live(console=console(), auto_refresh=False, screen=console().is_terminal) as live:

        def show(grades: Grades) -> None:
            live.update(_page(grades, errors_only=errors_only, solution=solution), refresh=True)

        yield show


def _page(grades: Grades, *, errors_only: bool, solution: bool) -> RenderableType:
    """The table with as many details as fit on the screen, from the top."""
    text = Text(_("repeating the check; Ctrl-C ends it"), style="dim")
    for most in range(_count(grades), -1, -1):
        table = _table(grades, errors_only=errors_only, solution=solution, most=most)
        page = Group(table, text)
        if not console().is_terminal or len(console().render_lines(page)) <= console().height:
            break
    return page


def _count(grades: Grades) -> int:
    """The number of details to show."""
    return sum(len(list(_details(grades, report, solution=False))) for report in grades.reports)


def print_checks(steps: Sequence[Step], *, as_json: bool) -> None:
    """Print the sections that can be checked, and what each depends on."""
    if as_json:
        fields = [
            {"step": step.name, "section": step.section, "requires": step.requires}
            for step in steps
        ]
        print_json("check", {"steps": fields})
        return
    # Fits into 80 columns with the longest title of the book.
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    for title in (_("step"), _("section"), _("depends on")):
        table.add_column(title)
    for step in steps:
        table.add_row(step.name, step.section, ", ".join(step.requires))
    print_wrapped(console(), table)


def _table(
    grades: Grades, *, errors_only: bool, solution: bool, most: int | None = None
) -> RenderableType:
    """The table, section by section, with at most this many details."""
    rows: list[RenderableType] = []
    left = _count(grades) if most is None else most
    for section in dict.fromkeys(report.step for report in grades.reports):
        reports = [report for report in grades.reports if report.step == section]
        shown = [r for r in reports if not (errors_only and r.outcome is Outcome.OK)]
        if shown:
            details = [
                each for report in shown for each in _details(grades, report, solution=solution)
            ]
            rows += [_section(shown), *details[:left]]
            left = max(0, left - len(details))
    hidden = _count(grades) - most if most is not None else 0
    if hidden:
        rows.append(Text(_("{count} more; the check without --watch shows them", count=hidden)))
    rows.append(_summary(grades))
    return Group(*rows)


def _section(reports: list[StepReport]) -> RenderableType:
    marks = "  ".join(f"{_MARKS[report.outcome]} {report.host}" for report in reports)
    # A long title continues below its beginning.
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(no_wrap=True)
    line.add_row(marks, f"{escape(reports[0].section)}  [dim]{reports[0].step}[/]")
    return line


def _details(grades: Grades, report: StepReport, *, solution: bool) -> Iterator[RenderableType]:
    if report.outcome is Outcome.BLOCKED:
        cause = _comes_first(grades, report.host, report.blocked_by)
        yield Text(f"    {report.host}  {cause}", style="yellow")
    failed = wrong(report)
    for finding, following in zip_longest(failed, failed[1:]):
        # Of a row of findings with the same hint, the last one shows it.
        repeated = following is not None and following.hint == finding.hint
        shown = replace(finding, hint="") if repeated else finding
        yield _finding(report.host, shown, solution=solution)
    for finding in report.findings:
        if finding.ok and finding.remark:
            words = f"{finding.what} = {finding.found}: {finding.remark}"
            yield Text(f"    {report.host}  {words}", style="dim")


def _comes_first(grades: Grades, host: str, step: str) -> str:
    """What has to be repaired first. It may be a section of the other host."""
    wrong_at = sorted(
        each.host for each in grades.reports if each.step == step and each.outcome is Outcome.FAILED
    )
    if not wrong_at or host in wrong_at:
        return _("not checked yet: {step} comes first", step=step)
    hosts = ", ".join(wrong_at)
    return _("not checked yet: {step} on {host} comes first", step=step, host=hosts)


def _finding(host: str, finding: Finding, *, solution: bool) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(width=_LEFT - 2, justify="right", style="dim")
    table.add_column(overflow="fold")
    table.add_row(host, f"[red]{escape(finding.what)}[/]")
    if finding.found:
        table.add_row(_("found"), escape(finding.found))
    if finding.expected:
        table.add_row(_("expected"), escape(finding.expected))
    if finding.hint:
        table.add_row(_("hint"), escape("\n".join(broken(finding.hint, console().width - _LEFT))))
    if solution and finding.solution:
        table.add_row(_("solution"), f"[green]{escape(finding.solution)}[/]")
    return table


def _summary(grades: Grades) -> Text:
    counts = {each: sum(r.outcome is each for r in grades.reports) for each in Outcome}
    if grades.ok:
        text = ngettext("{count} is right", "all {count} are right", counts[Outcome.OK])
        return Text(text, style="bold green")
    text = _(
        "{ok} right, {failed} wrong, {blocked} not checked yet",
        ok=counts[Outcome.OK],
        failed=counts[Outcome.FAILED],
        blocked=counts[Outcome.BLOCKED],
    )
    return Text(text, style="bold red")
