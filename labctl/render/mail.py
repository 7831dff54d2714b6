"""A mail test as text or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size

from labctl.i18n import _, ngettext
from labctl.render.document import plain, print_json
from labctl.render.screen import console
from labctl.render.shown import escape
from labctl.results import Delivery, MailTestResult, Trial

if TYPE_CHECKING:
    from labctl.thunderbird.settings import MailSettings


def print_mail_tests(runs: Sequence[MailTestResult], *, as_json: bool) -> None:
    """Print one run, or several with `--repeat`. JSON has `runs` only for several runs."""
    ok = all(run.ok for run in runs)
    if as_json:
        each = [_run_data(run) for run in runs]
        print_json("test-mail", each[0] if len(each) == 1 else {"runs": each, "ok": ok}, ok=ok)
        return
    for run in runs:
        _print_run(run)
    if len(runs) > 1:
        good = sum(run.ok for run in runs)
        seconds = sorted(run.seconds for run in runs)[len(runs) // 2]
        text = _(
            "{good} of {count} runs succeeded; median {seconds:.1f} s",
            good=good,
            count=len(runs),
            seconds=seconds,
        )
        console().print(f"[bold]{text}[/]")


def _print_run(run: MailTestResult) -> None:
    out = console()
    for trial in run.trials:
        _print_trial(trial)
    for delivery in run.deliveries:
        _print_delivery(delivery)
    failed = sum(not delivery.ok for delivery in run.deliveries)
    wrong = sum(not trial.ok for trial in run.trials)
    count = len(run.deliveries)
    if failed:
        text = ngettext(
            "{failed} of {count} message failed",
            "{failed} of {count} messages failed",
            count,
            failed=failed,
        )
    elif wrong:
        text = ngettext(
            "{wrong} of {count} check failed",
            "{wrong} of {count} checks failed",
            len(run.trials),
            wrong=wrong,
        )
    else:
        text = ngettext(
            "{count} message arrived and was read",
            "all {count} messages arrived and were read",
            count,
        )
    colour = "green" if run.ok else "red"
    verdict = f"[bold {colour}]{text}[/]"
    out.print(_("{verdict} ({seconds:.1f} s)", verdict=verdict, seconds=run.seconds))


def _print_trial(trial: Trial) -> None:
    out = console()
    mark = "[green]✓[/]" if trial.ok else "[red]✗[/]"
    found = trial.found if trial.ok else _("expected {expected}", expected=trial.expected)
    out.print(f"{mark} {trial.host}  {escape(trial.what)}  [dim]{escape(found)}[/]")
    if not trial.ok:
        out.print(f"    [red]{escape(trial.found or _('no answer'))}[/]")


def _run_data(run: MailTestResult) -> dict[str, Any]:
    from labctl.report.wording import explanation_of

    deliveries = [
        {**plain(delivery), "explanation": explanation_of(delivery)} for delivery in run.deliveries
    ]
    return {**plain(run), "deliveries": plain(deliveries), "ok": run.ok}


def _print_delivery(delivery: Delivery) -> None:
    from labctl.report.wording import explanation_of

    out = console()
    mark = "[green]✓[/]" if delivery.ok else "[red]✗[/]"
    arrow = escape(f"{delivery.sender} → {delivery.recipient}")
    took = _("({seconds:.2f} s)", seconds=delivery.seconds)
    out.print(f"{mark} {arrow}  {escape(delivery.subject)}  {took}")
    for hop in delivery.hops:
        times = "/".join(f"{part:g}" for part in hop.delays)
        where = f"{hop.host}  {hop.queue_id}  {hop.status}  → {hop.relay}"
        delay = _("delay {seconds:g} s ({parts})", seconds=hop.delay, parts=times)
        out.print(escape(f"    {where}  {delay}"), style="dim")
    for line in explanation_of(delivery):
        out.print(f"    [red]{escape(line)}[/]")


def print_mail_settings(settings: MailSettings, *, as_json: bool) -> None:
    """Print the settings for a mail client, in the order of its form."""
    if as_json:
        print_json("thunderbird", settings)
        return
    width = max(cell_len(title) for title, _value in settings.rows())
    for title, value in settings.rows():
        console().print(f"[dim]{set_cell_size(title, width)}[/]  {escape(value)}")
