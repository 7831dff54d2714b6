"""The result of a stress test as a table or JSON."""

from __future__ import annotations

from rich.cells import cell_len
from rich.table import Table

from labctl.i18n import _
from labctl.render.document import plain, print_json
from labctl.render.screen import console, print_table
from labctl.render.shown import escape
from labctl.results import Astray, StressResult

_NUMBERS = (
    *("sent", "accepted", "refused", "unanswered", "held"),
    *("delivered", "waiting", "lost", "duplicates", "repeated"),
)

_SELDOM = ("unanswered", "lost", "duplicates", "repeated")


def print_stress(result: StressResult, *, as_json: bool) -> None:
    if as_json:
        total = {number: _total(result, number) for number in _NUMBERS}
        data = {**plain(result), "total": total, "ok": result.ok}
        print_json("test-mail", data, ok=result.ok)
        return
    print_table(_table(result))
    for one in result.astray:
        _print_astray(one)
    colour = "green" if result.ok else "red"
    verdict = f"[bold {colour}]{_verdict(result)}[/]"
    console().print(_("{verdict} ({seconds:.1f} s)", verdict=verdict, seconds=result.seconds))


def _table(result: StressResult) -> Table:
    """The phases with their numbers. Rare results have a column only if they occurred."""
    titles = {
        "accepted": _("accepted by sendmail"),
        "refused": _("refused"),
        "unanswered": _("no answer"),
        "held": _("kept in queues"),
        "delivered": _("delivered"),
        "waiting": _("still in queues"),
        "lost": _("lost"),
        "duplicates": _("duplicate"),
        "repeated": _("sent again"),
    }
    shown = [number for number in titles if number not in _SELDOM or _total(result, number)]
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("", no_wrap=True, min_width=max(cell_len(p.what) for p in result.phases))
    for number in shown:
        # Break the heading only between words.
        longest = max(cell_len(word) for word in titles[number].split())
        table.add_column(titles[number], justify="right", min_width=longest)
    for phase in result.phases:
        table.add_row(escape(phase.what), *(str(getattr(phase, number)) for number in shown))
    # The number of messages in queues at one moment has no sum.
    sums = ["" if number == "held" else str(_total(result, number)) for number in shown]
    table.add_row(_("total"), *sums, style="bold")
    return table


def _total(result: StressResult, number: str) -> int:
    return sum(getattr(phase, number) for phase in result.phases)


def _print_astray(one: Astray) -> None:
    out = console()
    colour = "yellow" if one.fate == "repeated" else "red"
    fates = {
        "lost": _("lost"),
        "duplicate": _("{copies} copies, and no crash explains it", copies=one.copies),
        "repeated": _("{copies} copies: {window}", copies=one.copies, window=_window(one.window)),
    }
    out.print(f"[{colour}]{escape(one.token)}[/]  {escape(fates[one.fate])}")
    for line in one.story:
        out.print(escape(f"    {line}"), style="dim")


def _window(window: str) -> str:
    texts = {
        "submission": _("Postfix ended between queueing it and removing it from the maildrop"),
        "smtp": _("the receiver had accepted it, but its answer did not reach the sender"),
        "local": _(
            "Postfix ended between writing it to the mailbox and removing it from the queue"
        ),
    }
    return texts.get(window, "")


def _verdict(result: StressResult) -> str:
    lost, twice = _total(result, "lost"), _total(result, "duplicates")
    accepted, waiting = _total(result, "accepted"), _total(result, "waiting")
    if lost or twice:
        return _(
            "of {accepted} accepted messages, {lost} did not arrive and {twice} arrived twice",
            accepted=accepted,
            lost=lost,
            twice=twice,
        )
    if silent := [phase.what for phase in result.phases if not phase.accepted]:
        return _("no message was accepted: {phases}", phases=", ".join(silent))
    if waiting:
        return _(
            "none of {accepted} accepted messages is lost; still in queues: {waiting}",
            accepted=accepted,
            waiting=waiting,
        )
    return _("all {accepted} accepted messages arrived", accepted=accepted)
