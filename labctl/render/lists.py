"""Lists: steps, checkpoints, accounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table

from labctl.hint import commands
from labctl.i18n import _
from labctl.lab import Lab
from labctl.render.document import print_json
from labctl.render.screen import console, print_hint, print_table
from labctl.render.shown import escape
from labctl.results import CheckpointInfo

if TYPE_CHECKING:
    from labctl.credentials import Credentials
    from provision.step import Step


def print_steps(steps: Sequence[Step], *, as_json: bool) -> None:
    """Print each step with the book's section title, a description, and its checkpoint."""
    if as_json:
        print_json("steps", {"steps": [_as_data(step) for step in steps]})
        return
    width = max(len(step.name) for step in steps)
    for step in steps:
        line = f"[bold]{step.name:<{width}}[/]  {escape(step.section)}"
        if step.wanted is not None:
            line += "  " + _("only if the lab file asks for it")
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


def print_checkpoints(checkpoints: Sequence[CheckpointInfo], lab: str, *, as_json: bool) -> None:
    """Print the checkpoints, oldest first."""
    if as_json:
        print_json("checkpoints", {"checkpoints": list(checkpoints)})
    elif checkpoints:
        print_table(checkpoint_table(checkpoints))
    else:
        console().print(_("there are none"))
        print_hint(console(), _("next"), commands("labctl up", text=_("this saves some")), lab)


def checkpoint_table(checkpoints: Sequence[CheckpointInfo]) -> Table:
    """A table of name, time, size if the provider knows it, and what saved the checkpoint."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    # Never cut a name, because the user has to type it.
    longest = max((len(saved.name) for saved in checkpoints), default=0)
    table.add_column(_("checkpoint"), no_wrap=True, min_width=longest)
    table.add_column(_("saved"))
    table.add_column(_("size"), justify="right")
    table.add_column(_("saved by"))
    origins = {"up": "labctl up", "reset": "labctl reset"}
    for saved in checkpoints:
        when = datetime.fromisoformat(saved.created).astimezone()
        size = f"{saved.size / 1024**2:.1f} MiB" if saved.size else ""
        origin = origins.get(saved.origin, saved.origin)
        table.add_row(f"[bold]{saved.name}[/]", f"{when:%Y-%m-%d %H:%M}", size, origin)
    return table


def print_credentials(lab: Lab, credentials: Credentials, *, as_json: bool) -> None:
    accounts = [
        {
            "host": host.name,
            "user": host.account,
            "address": host.mailbox,
            "password": credentials.password(str(host.account)),
        }
        for host in lab.mail_hosts
    ]
    if as_json:
        print_json("credentials", {"admin": lab.edition.admin, "accounts": accounts})
        return
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title in (_("host"), _("user"), _("mail address"), _("password")):
        table.add_column(title)
    for account in accounts:
        table.add_row(*(escape(str(value)) for value in account.values()))
    print_table(table)
