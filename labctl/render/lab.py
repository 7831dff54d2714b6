"""The results of up (with the diagram of the lab and the next commands), reset and net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from labctl.hint import commands
from labctl.i18n import _, ngettext
from labctl.lab import Lab
from labctl.render.changes import told
from labctl.render.document import plain, print_json
from labctl.render.hints import command_line
from labctl.render.screen import console, lines_of, print_done, print_hint, print_table
from labctl.render.shown import escape

if TYPE_CHECKING:
    from labctl.engine import UpResult
    from labctl.reset import ResetResult

# Up to this many changes are listed. More are only counted.
_LISTED = 14


def print_up(result: UpResult, ignored: Sequence[str], *, as_json: bool) -> None:
    """What `up` did; `ignored` are the keys of the lab file that only other providers know."""
    if as_json:
        print_json("up", {**plain(result), "changed": result.changed, "ignored": list(ignored)})
        return
    out = console()
    changes = [
        f"{report.host}  {report.step}: {told(change)}"
        for report in result.reports
        for change in report.changes
    ]
    if not result.changed:
        out.print(_("nothing to change ({seconds:.1f} s)", seconds=result.seconds))
    elif result.made:
        text = ngettext(
            "the lab was created, with {count} change on its hosts ({seconds:.1f} s)",
            "the lab was created, with {count} changes on its hosts ({seconds:.1f} s)",
            len(changes),
            seconds=result.seconds,
        )
        out.print(text)
    else:
        if len(changes) <= _LISTED:
            for line in changes:
                out.print(escape(line))
        text = (
            ngettext(
                "{count} change ({seconds:.1f} s)",
                "{count} changes ({seconds:.1f} s)",
                len(changes),
                seconds=result.seconds,
            )
            if changes
            else _("the hosts are running again ({seconds:.1f} s)", seconds=result.seconds)
        )
        out.print(text)


def print_picture(lab: Lab, result: UpResult) -> None:
    """Print a diagram of the lab and the next commands."""
    out = console()
    picture = Table(show_header=False, box=None, padding=(0, 3, 0, 0))
    for host in lab.hosts:
        mailbox = (
            host.mailbox if host.account is not None else _("DNS for {zone}", zone=host.domain)
        )
        picture.add_row(f"[bold]{host.name}[/]", str(host.address), host.fqdn, mailbox)
    picture.add_row(_("this machine"), str(lab.network.machine), "", "")
    out.print()
    out.print(f"  {lab.network.cidr}  " + _("the lab's network"))
    for row, line in enumerate(lines_of(picture)):
        out.print(f"   {'└' if row == len(lab.hosts) else '├'}─ {line}")
    out.print()
    _print_next(lab, result)


def _print_next(lab: Lab, result: UpResult) -> None:
    first = lab.mail_hosts[0]
    shell = (
        _("a shell on {host} (then: sudo -iu {user})", host=first.name, user=first.account)
        if result.is_whole
        else _("a shell on {host}", host=first.name)
    )
    suggested = [
        ("labctl test-mail", _("mail between the two hosts, with the mail command")),
        (f"labctl ssh {first.name}", shell),
        ("labctl logs -f", _("both mail logs in one stream")),
        ("labctl reset", _("return to this state, for the next class")),
    ]
    if not result.is_whole:
        # Without Postfix there is no mail log yet.
        suggested = [suggested[1], suggested[3], ("labctl up", _("the remaining sections"))]
    table = Table(show_header=False, box=None, padding=(0, 2))
    for command, meaning in suggested:
        table.add_row(f"[green]{command_line(command, result.lab)}[/]", meaning)
    print_table(table)


def print_reset(result: ResetResult, lab: Lab, *, as_json: bool) -> None:
    if as_json:
        print_json("reset", result)
        return
    words = {"name": result.checkpoint, "seconds": result.seconds, "count": len(lab.hosts)}
    text = (
        _("both hosts are back at {name} ({seconds:.1f} s)", **words)
        if len(lab.hosts) == len(lab.mail_hosts)
        else _("all {count} hosts are back at {name} ({seconds:.1f} s)", **words)
    )
    console().print(text)
    if result.takes_back_undo:
        console().print(_("this reverted the last undo"))
    undo = commands("labctl reset --undo", text=_("the previous state is saved; this restores it"))
    print_hint(console(), _("next"), undo, lab.name)


def print_net(is_open: bool, *, as_json: bool) -> None:
    text = _("internet access for packages is open") if is_open else _("internet access is closed")
    print_done("net", text, as_json=as_json, data={"open": is_open})
