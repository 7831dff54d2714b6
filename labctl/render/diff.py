"""A difference as text: one heading per host, unified diffs, and one line per change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labctl.difference import (
    A_PASSWORD,
    ANOTHER_PASSWORD,
    Changed,
    Difference,
    FileChange,
    HostDifference,
)
from labctl.i18n import _, speaking
from labctl.render.document import plain, print_json
from labctl.render.screen import console
from labctl.render.shown import escape

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def print_difference(difference: Difference, *, as_json: bool) -> None:
    """Print the differences, or a message that there are none."""
    if as_json:
        hosts = [_host_data(host) for host in difference.hosts]
        data = {**plain(difference), "changed": not difference.is_empty, "hosts": hosts}
        print_json("diff", data)
        return
    if difference.is_empty:
        console().print(_("nothing differs from {name}", name=difference.since))
        return
    for host in difference.hosts:
        if not host.is_empty:
            _print_host(host, difference.since)


def _host_data(host: HostDifference) -> dict[str, Any]:
    """A host for JSON. Its notes are English, so that the document is the same everywhere."""
    with speaking("en"):
        files = [{**plain(file), "note": _note(file)} for file in host.files]
    return {**plain(host), "files": files}


def _note(file: FileChange) -> str:
    """What the diff of a file does not show: its mode, its owner, or hidden contents."""
    notes = []
    if file.hidden:
        notes.append(_("contents not shown"))
    if file.modes:
        old, new = file.modes
        notes.append(_("mode {old} → {new}", old=old, new=new))
    if file.owners:
        old, new = file.owners
        notes.append(_("owner {old} → {new}", old=old, new=new))
    return ", ".join(notes)


def _print_host(host: HostDifference, since: str) -> None:
    title = _("{host}, changed since {name}", host=host.host, name=since)
    console().print(title, style="bold")
    for file in host.files:
        _print_file(file)
    _print_changed(_("packages"), host.packages)
    _print_changed(_("services"), host.services)
    _print_changed(_("accounts"), host.accounts)
    _print_changed(_("groups"), host.groups)


def _print_file(file: FileChange) -> None:
    out = console()
    words = {"added": _("added"), "removed": _("removed"), "changed": _("changed")}
    note = f" ({told})" if (told := _note(file)) else ""
    out.print(f"  [bold]{escape(file.path)}[/]  {words[file.kind]}{escape(note)}")
    # Skip the first two lines, which repeat the name of the file.
    for line in file.diff[2:]:
        out.print(f"    {escape(line)}", style=_COLOURS.get(line[:1], "dim"))


def _print_changed(title: str, changes: Sequence[Changed]) -> None:
    if not changes:
        return
    console().print(f"  [bold]{title}[/]")
    for change in changes:
        if not change.before:
            text, colour = f"+ {change.name}  {change.after}", "green"
        elif not change.after:
            text, colour = f"- {change.name}  {change.before}", "red"
        else:
            before, after = _password_or(change.before), _password_or(change.after)
            text, colour = f"~ {change.name}  {before} → {after}", "yellow"
        console().print(f"    {escape(text)}", style=colour)


def _password_or(text: str) -> str:
    return _(text) if text in (A_PASSWORD, ANOTHER_PASSWORD) else text
