"""A message's way as lines for people, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.markup import escape

from labctl.i18n import _
from labctl.render.document import plain, print_json
from labctl.render.screen import console

if TYPE_CHECKING:
    from labctl.mailtest.capture import Spoken
    from labctl.mailtest.trace import Trace

_ROLE_COLOURS = {"MUA": "green", "MTA": "cyan", "MDA": "magenta", "DNS": "yellow"}


def print_trace(trace: Trace, spoken: Sequence[Spoken] = (), *, as_json: bool) -> None:
    """The dialogue, where it was captured; the stages, each with the seconds since the first."""
    if as_json:
        dialogue = {"transcript": spoken} if spoken else {}
        print_json("trace", {**plain(trace), **dialogue})
        return
    out = console()
    for line in spoken:
        colour, sign = ("cyan", "S") if line.by_server else ("green", "C")
        out.print(f"[{colour}]{line.speaker:<6} {sign}:[/] {escape(line.text)}")
    if spoken:
        out.print()
    out.print(escape(trace.message_id or _("a message without Message-ID")), style="bold")
    out.print(escape(f"{trace.sender or '<>'} → {', '.join(trace.recipients)}"))
    width = max((cell_len(stage.term) for stage in trace.stages), default=0)
    for stage in trace.stages:
        seconds = (stage.time - trace.stages[0].time).total_seconds()
        colour = _ROLE_COLOURS.get(stage.role, "white")
        who = f"{stage.host}  {stage.program:<8} {stage.queue_id:<11}"
        term = set_cell_size(stage.term, width)
        out.print(
            f"{seconds:8.3f}  {escape(who)} [{colour}]{stage.role}  {escape(term)}[/]  "
            f"{escape(stage.what)}"
        )
    if not trace.settled:
        out.print(_("A queue still holds the message."), style="yellow")
