"""The list of editions, and the file of one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from labctl.edition import Edition
from labctl.edition_files import DEFAULT_EDITION
from labctl.i18n import _
from labctl.render.document import print_json
from labctl.render.screen import console
from labctl.render.shown import escape


def print_editions(editions: Sequence[Edition], *, as_json: bool) -> None:
    """Each edition with its book, version and date, and what was run of it."""
    if as_json:
        print_json("editions", {"editions": [_as_data(edition) for edition in editions]})
        return
    for edition in editions:
        _print_edition(edition)
    line = 'edition = "ubuntu"'
    console().print(_("Choose one in labctl.toml: {line}", line=line), style="dim")


def _print_edition(edition: Edition) -> None:
    name = edition.edition
    heading = f"[bold]{name}[/]  {escape(str(edition.title))}"
    if name == DEFAULT_EDITION:
        heading += "  [green]" + _("the default") + "[/]"
    released = (
        _("version {version} of {date}", version=edition.version, date=edition.released)
        if edition.released
        else _("version {version}, never published", version=edition.version)
    )
    hosts = (*edition.hosts, edition.parent)
    console().print(heading)
    console().print(f"  {escape(released)}; {escape(edition.os)}; {edition.network.cidr}")
    console().print("  " + ", ".join(host.fqdn for host in hosts))
    if edition.tested is not None:
        console().print(f"  {escape(str(edition.tested))}", style="dim")


def _as_data(edition: Edition) -> dict[str, object]:
    return {
        "edition": edition.edition,
        "title": edition.title.model_dump(),
        "version": edition.version,
        "released": edition.released.isoformat() if edition.released else None,
        "os": edition.os,
        "network": str(edition.network.cidr),
        "hosts": [
            {"name": host.name, "fqdn": host.fqdn, "address": str(host.address)}
            for host in (*edition.hosts, edition.parent)
        ],
        "dns": edition.dns,
        "relay": edition.relay,
        "steps": [section.step for section in edition.sections],
        "tested": (edition.tested.en or edition.tested.ja) if edition.tested is not None else "",
    }


def print_edition_file(path: Path) -> None:
    """The file as it is, with its comments."""
    sys.stdout.write(path.read_text(encoding="utf-8"))
