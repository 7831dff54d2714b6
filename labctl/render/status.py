"""The status of a lab: its hosts, checkpoints and folders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.table import Table

from labctl.i18n import _
from labctl.render.document import print_json
from labctl.render.hints import command_line
from labctl.render.lists import checkpoint_table
from labctl.render.screen import console, ignored_keys, print_table
from labctl.render.shown import escape
from labctl.results import HostState

if TYPE_CHECKING:
    from labctl.status import LabStatus


def print_status(labs: Sequence[LabStatus], *, as_json: bool) -> None:
    if as_json:
        print_json("status", {"labs": labs})
        return
    for lab in labs:
        _print_lab_status(lab)


def _print_lab_status(lab: LabStatus) -> None:
    out, up = console(), command_line("labctl up", lab.name)
    if lab.problem:
        out.print(f"[bold]{lab.name}[/]  [red]{escape(lab.problem)}[/]")
        return
    if all(host.state is HostState.ABSENT for host in lab.hosts):
        stage = _("does not exist; {command} makes it", command=up)
    elif not lab.complete:
        stage = _("begun; {command} continues", command=up)
    elif lab.at == lab.complete:
        stage = _("built up to {name}", name=lab.complete)
    else:
        stage = _("built up to {name}, then reset to {at}", name=lab.complete, at=lab.at)
    out.print(f"[bold]{lab.name}[/]  {lab.edition}  {lab.provider}  {lab.system}  {stage}")
    if lab.ignored:
        out.print(escape(ignored_keys(lab.provider, lab.ignored)), style="yellow")
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title in (_("host"), _("address"), _("mailbox"), _("state")):
        table.add_column(title)
    for host in lab.hosts:
        colour = "green" if host.state is HostState.RUNNING else "red"
        table.add_row(host.fqdn, host.address, host.mailbox, f"[{colour}]{_(host.state)}[/]")
    print_table(table)
    out.print()
    if lab.checkpoints:
        print_table(checkpoint_table(lab.checkpoints))
        out.print()
    # Not a table, because a long path must not be broken.
    width = max((cell_len(_(title)) for title in lab.folders), default=0)
    for title, folder in lab.folders.items():
        out.print(escape(f"  {set_cell_size(_(title), width)}  {folder}"), style="dim")
