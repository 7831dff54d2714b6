"""The list of editions, and the file of one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from labctl.edition import DEFAULT_EDITION, Edition
from labctl.i18n import N_, _
from labctl.render.document import print_json
from labctl.render.screen import console, print_table

# What was run of each edition, and on which guests. The tests named in docs/reference/editions.md
# run it.
_RUN = {
    "ubuntu-example": N_("run on Debian 12 and 13 guests"),
    "ubuntu": N_("run on Debian 12 and 13 guests; Ubuntu itself only with Vagrant, not run here"),
    "almalinux": N_("not run on AlmaLinux; its parts were run on a Debian 12 guest"),
}


def print_editions(editions: Sequence[Edition], *, as_json: bool) -> None:
    """Each edition with its book, version and date, and what was run of it."""
    if as_json:
        print_json("editions", {"editions": [_as_data(edition) for edition in editions]})
        return
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title in (_("edition"), _("book"), _("version"), _("released"), _("system"), _("network")):
        table.add_column(title)
    for edition in editions:
        name = edition.edition
        table.add_row(
            escape(name + (" *" if name == DEFAULT_EDITION else "")),
            escape(str(edition.title)),
            escape(edition.version),
            edition.released.isoformat() if edition.released else _("never"),
            escape(edition.os),
            str(edition.network.cidr),
        )
    print_table(table)
    console().print(_("* the default; another one in labctl.toml: {line}", line='edition = "…"'))
    for edition in editions:
        if text := _RUN.get(edition.edition):
            console().print(f"{edition.edition}: {_(text)}")


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
        "tested": _RUN.get(edition.edition, ""),
    }


def print_edition_file(path: Path) -> None:
    """The file as it is, with its comments."""
    sys.stdout.write(path.read_text(encoding="utf-8"))
