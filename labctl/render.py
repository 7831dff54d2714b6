"""The one renderer: results become text for people, or one versioned JSON document.

Results go to standard output, progress and errors to standard error.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from labctl.errors import LabError
from labctl.home import name_option
from labctl.i18n import _
from labctl.lab import Lab
from labctl.results import CheckpointInfo, HostState
from provision.changes import told

if TYPE_CHECKING:
    from labctl.credentials import Credentials
    from labctl.engine import UpResult
    from labctl.mailtest.logs import LogLine
    from labctl.reset import ResetResult
    from labctl.status import LabStatus
    from provision.managed import ManagedFile

# Raised when a field changes its meaning or goes away (docs/reference/json.md).
JSON_SCHEMA = 1
_COLOURS = ("cyan", "magenta", "yellow")
# Changes are listed one by one up to this many; more are counted.
_LISTED = 14


# A line may break behind any of these: a word of Latin letters, or a letter of another script
# with the marks that must not begin a line; an opening mark stays with what it opens.
_UNBROKEN = re.compile(r"[（「『“]*(?:[!-~’]+|[^\s!-~])[、。，．）」』”！？ー…々]*|\s+")


def folded(text: str, width: int) -> str:
    """The text in lines of at most `width` cells. rich breaks at spaces only: Japanese has none."""
    lines = [""]
    for part in _UNBROKEN.findall(text):
        if lines[-1] and cell_len(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part if lines[-1] else part.lstrip()
    return "\n".join(line.rstrip() for line in lines)


@cache
def console() -> Console:
    return Console(highlight=False, soft_wrap=True)


@cache
def console_err() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def print_json(command: str, data: Any, *, ok: bool = True) -> None:
    """One document: schema, command, ok, and the result's own fields under `data`."""
    document = {"schema": JSON_SCHEMA, "command": command, "ok": ok, "data": plain(data)}
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def print_error(error: LabError, *, as_json: bool) -> None:
    """Message, cause and the next command, each on lines of its own."""
    if as_json:
        fields = {"message": error.message, "cause": error.cause, "hint": error.hint}
        document = {"schema": JSON_SCHEMA, "ok": False, "exit_code": int(error.exit_code)}
        sys.stdout.write(json.dumps({**document, "error": fields}, ensure_ascii=False) + "\n")
        return
    out = console_err()
    heading, next_heading = _("error"), _("hint")
    out.print(f"[bold red]{heading}[/]: {escape(error.message)}")
    for line in error.cause.splitlines():
        out.print(f"  {escape(line)}")
    if error.hint:
        out.print(f"[bold]{next_heading}[/]: {escape(error.hint)}")


class Live:
    """A line per host with what it is at and for how long; plain lines where no terminal is."""

    def __init__(self, lab: Lab, *, quiet: bool = False) -> None:
        self._hosts = [host.name for host in lab.hosts]
        self._quiet = quiet
        self._begun = time.monotonic()
        self._bars: Bars | None = None
        self._lines: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if not self._quiet and console_err().is_terminal:
            columns = (
                SpinnerColumn(finished_text="✓"),
                TextColumn("{task.fields[host]}", style="bold"),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
            )
            self._bars = Bars(*columns, console=console_err(), transient=True)
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def progress(self, host: str, what: str) -> None:
        """Is a labctl.providers.base.Progress; may be called from several threads."""
        if self._quiet:
            return
        if self._bars is None:
            seconds = time.monotonic() - self._begun
            console_err().print(escape(f"{seconds:6.1f} s  {host or '-':<6} {what}"))
            return
        for name in [host] if host else self._hosts:
            if name not in self._lines:
                self._lines[name] = self._bars.add_task("", host=name, total=None)
            self._bars.update(self._lines[name], description=escape(what))

    def note(self, text: str) -> None:
        """A line that stays."""
        if not self._quiet:
            console_err().print(escape(text))


def print_up(result: UpResult, *, as_json: bool) -> None:
    if as_json:
        print_json("up", {**plain(result), "changed": result.changed})
        return
    out = console()
    changes = [
        f"{report.host}  {report.step}: {told(change.what)}"
        for report in result.reports
        for change in report.changes
    ]
    if not result.changed:
        out.print(_("nothing to change ({seconds:.1f} s)", seconds=result.seconds))
    elif result.made:
        text = _(
            "the lab is made, with {count} changes on its hosts ({seconds:.1f} s)",
            count=len(changes),
            seconds=result.seconds,
        )
        out.print(text)
    elif len(changes) > _LISTED:
        out.print(
            _("{count} changes ({seconds:.1f} s)", count=len(changes), seconds=result.seconds)
        )
    else:
        for line in changes:
            out.print(escape(line))
        out.print(_("up again ({seconds:.1f} s)", seconds=result.seconds))


def print_picture(lab: Lab, result: UpResult) -> None:
    """The lab as one draws it on a blackboard, and what to type next."""
    out = console()
    picture = Table(show_header=False, box=None, padding=(0, 3, 0, 0))
    for host in lab.hosts:
        mailbox = (
            host.mailbox if host.account is not None else _("DNS for {zone}", zone=host.domain)
        )
        picture.add_row(f"[bold]{host.name}[/]", str(host.address), host.fqdn, mailbox)
    picture.add_row(_("this machine"), str(lab.network.machine), "", "")
    out.print()
    out.print(f"  {lab.network.cidr}  " + _("host-only network"))
    for row, line in enumerate(_lines_of(picture)):
        out.print(f"   {'└' if row == len(lab.hosts) else '├'}─ {line}")
    out.print()
    _print_next(result)


def print_table(table: Table) -> None:
    """Without the blanks at the ends of lines, which a pasted table would keep."""
    for line in _lines_of(table):
        sys.stdout.write(f"{line}\n")


def _lines_of(table: Table) -> list[str]:
    # Never cut to the terminal: a name that is not there whole cannot be typed again.
    with console().capture() as captured:
        console().print(table, width=max(console().width, 240))
    return [line.rstrip() for line in captured.get().splitlines()]


def _print_next(result: UpResult) -> None:
    name = name_option(result.lab)
    shell = (
        _("a shell on host1 (then: sudo -iu user1)") if result.is_whole else _("a shell on host1")
    )
    commands = [
        (f"labctl test-mail{name}", _("mail between the two hosts, by the mail command")),
        (f"labctl ssh{name} host1", shell),
        (f"labctl logs{name} -f", _("both mail logs in one stream")),
        (f"labctl reset{name}", _("back to this state, for the next class")),
    ]
    if not result.is_whole:
        # No Postfix yet, so no log either.
        commands = [commands[1], commands[3], (f"labctl up{name}", _("the remaining sections"))]
    table = Table(show_header=False, box=None, padding=(0, 2))
    for command, meaning in commands:
        table.add_row(f"[green]{command}[/]", meaning)
    print_table(table)


def print_reset(result: ResetResult, lab: str, *, as_json: bool) -> None:
    if as_json:
        print_json("reset", result)
        return
    text = _(
        "both hosts are back at {name} ({seconds:.1f} s)",
        name=result.checkpoint,
        seconds=result.seconds,
    )
    console().print(text)
    command = "labctl reset --undo" + name_option(lab)
    text = _("the state before is kept; {command} brings it back", command=command)
    console().print(text, style="dim")


def print_status(labs: Sequence[LabStatus], *, as_json: bool) -> None:
    if as_json:
        print_json("status", {"labs": labs})
        return
    for lab in labs:
        _print_lab_status(lab)


def _print_lab_status(lab: LabStatus) -> None:
    out, up = console(), "labctl up" + name_option(lab.name)
    if lab.problem:
        out.print(f"[bold]{lab.name}[/]  [red]{escape(lab.problem)}[/]")
        return
    if all(host.state is HostState.ABSENT for host in lab.hosts):
        stage = _("not there; {command} makes it", command=up)
    elif not lab.complete:
        stage = _("begun; {command} goes on", command=up)
    else:
        stage = _("brought up as far as {name}", name=lab.complete)
    out.print(f"[bold]{lab.name}[/]  {lab.edition}  {lab.provider}  {stage}")
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
    # Not as a table: a long path is never to be broken.
    width = max((cell_len(_(title)) for title in lab.folders), default=0)
    for title, folder in lab.folders.items():
        out.print(escape(f"  {set_cell_size(_(title), width)}  {folder}"), style="dim")


def checkpoint_table(checkpoints: Sequence[CheckpointInfo]) -> Table:
    """Name, time, size where the provider knows it, and what saved it."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    # A name is there to be typed: never cut, however narrow the terminal.
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


def print_files(files: Sequence[ManagedFile], *, written_to: Path | None, as_json: bool) -> None:
    if as_json:
        print_json("render", {"files": list(files)})
    elif written_to is not None:
        for file in files:
            console().print(escape(str(written_to / file.path.lstrip("/"))))
    else:
        for file in files:
            if len(files) > 1:
                console().rule(escape(f"{file.path}  {file.mode:o} {file.owner}:{file.group}"))
            sys.stdout.write(file.content)


def print_log_lines(lines: Iterable[LogLine], *, as_json: bool) -> None:
    colours: dict[str, str] = {}
    for line in lines:
        if as_json:
            sys.stdout.write(json.dumps(plain(line), ensure_ascii=False) + "\n")
            sys.stdout.flush()
            continue
        colour = colours.setdefault(line.host, _COLOURS[len(colours) % len(_COLOURS)])
        stamp = line.time.strftime("%H:%M:%S.%f")[:-3]
        console().print(f"{stamp} [{colour}]{line.host}[/] {escape(line.text)}")


def print_net(is_open: bool, *, as_json: bool) -> None:
    text = _("the way out for packages is open") if is_open else _("the way out is closed")
    print_done("net", text, as_json=as_json, data={"open": is_open})


def print_done(command: str, text: str, *, as_json: bool, data: Any = None) -> None:
    if as_json:
        print_json(command, data)
    else:
        console().print(text)
