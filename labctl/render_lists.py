"""Lists that stand for themselves: the steps, and the lab's checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from labctl.i18n import _
from labctl.render import checkpoint_table, console, print_json, print_table
from labctl.results import CheckpointInfo
from provision.step import Step


def print_steps(steps: Sequence[Step], *, as_json: bool) -> None:
    """Each step with the book's title of its section, what it does, and its checkpoint."""
    if as_json:
        print_json("steps", {"steps": [_as_data(step) for step in steps]})
        return
    width = max(len(step.name) for step in steps)
    for step in steps:
        line = f"[bold]{step.name:<{width}}[/]  {escape(step.section)}"
        if step.wanted is not None:
            line += "  " + _("only where the lab file asks for it")
        elif step.extra:
            line += "  " + _("labctl's own, not in the book")
        if step.checkpoint is not None:
            line += "  [green]" + _("checkpoint {name}", name=step.checkpoint) + "[/]"
        console().print(line)
        console().print(" " * (width + 2) + escape(_(step.summary)), style="dim")


def _as_data(step: Step) -> dict[str, object]:
    return {
        "name": step.name,
        "section": step.section,
        "summary": _(step.summary),
        "requires": list(step.requires),
        "checkpoint": step.checkpoint,
        "extra": step.extra,
        "optional": step.wanted is not None,
    }


def print_checkpoints(checkpoints: Sequence[CheckpointInfo], *, as_json: bool) -> None:
    """Oldest first, as they were saved."""
    if as_json:
        print_json("checkpoints", {"checkpoints": list(checkpoints)})
    elif checkpoints:
        print_table(checkpoint_table(checkpoints))
    else:
        console().print(_("there are none; labctl up saves some"))
