"""The path of a message as text or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size

from labctl.i18n import _
from labctl.render.document import plain, print_json
from labctl.render.screen import console
from labctl.render.shown import escape

if TYPE_CHECKING:
    from labctl.mailtest.capture import Spoken
    from labctl.mailtest.trace import Stage, Trace

_ROLE_COLOURS = {"MUA": "green", "MTA": "cyan", "MDA": "magenta", "DNS": "yellow"}


def print_trace(trace: Trace, spoken: Sequence[Spoken] = (), *, as_json: bool) -> None:
    """Print the dialogue if it was captured, then each stage with the seconds since the first."""
    if as_json:
        dialogue = {"transcript": spoken} if spoken else {}
        stages = [_stage_data(stage) for stage in trace.stages]
        print_json("trace", {**plain(trace), "stages": stages, **dialogue})
        return
    from labctl.report.wording import wording_of

    out = console()
    for line in spoken:
        colour, sign = ("cyan", "S") if line.by_server else ("green", "C")
        out.print(f"[{colour}]{line.speaker:<6} {sign}:[/] {escape(line.text)}")
    if spoken:
        out.print()
    out.print(escape(trace.message_id or _("a message without Message-ID")), style="bold")
    out.print(escape(f"{trace.sender or '<>'} → {', '.join(trace.recipients)}"))
    words = [wording_of(stage) for stage in trace.stages]
    width = max((cell_len(each.term) for each in words), default=0)
    for stage, each in zip(trace.stages, words, strict=True):
        seconds = (stage.time - trace.stages[0].time).total_seconds()
        colour = _ROLE_COLOURS.get(stage.role, "white")
        who = f"{stage.host}  {stage.program:<8} {stage.queue_id:<11}"
        term = set_cell_size(each.term, width)
        out.print(
            f"{seconds:8.3f}  {escape(who)} [{colour}]{stage.role}  {escape(term)}[/]  "
            f"{escape(each.what)}"
        )
    if not trace.settled:
        out.print(_("A queue still holds the message."), style="yellow")


def _stage_data(stage: Stage) -> dict[str, Any]:
    """A stage for JSON. Its words are English, so that the document is the same everywhere."""
    from labctl.report.wording import english_of

    return {**plain(stage), "role": stage.role, **asdict(english_of(stage))}
