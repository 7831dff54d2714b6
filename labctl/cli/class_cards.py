"""`labctl class cards`: a page to print, with a card for each seat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from labctl.cli.class_options import ClassName, server_name
from labctl.cli.options import AsJson, in_a_folder
from labctl.i18n import _, ngettext


def _ensure_address(url: str | None) -> str | None:
    """Raise BadParameter if no browser could open the address."""
    try:
        found = urlsplit(url or "")
        is_good = found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:
        is_good = False
    if url is not None and not is_good:
        raise typer.BadParameter(
            _(
                "{value} is not an address like {example}",
                value=repr(url),
                example="https://server.example:8443/",
            )
        )
    return url


def cards(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help=_("The file (default: NAME-cards.html)."), callback=in_a_folder
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            help=_("The address of the board, as students type it."),
            callback=_ensure_address,
        ),
    ] = None,
    ssh_port: Annotated[
        int | None,
        typer.Option(
            "--ssh-port", min=1, max=65535, help=_("Also tell the ports of labctl class ssh.")
        ),
    ] = None,
    new_codes: Annotated[
        bool,
        typer.Option("--new-codes", help=_("Replace all codes first: everybody logs in again.")),
    ] = False,
    class_name: ClassName = None,
    as_json: AsJson = False,
) -> None:
    from labctl.classroom.codes import renew_codes
    from labctl.classroom.handed_out import note_handed_out
    from labctl.classroom.roll import open_class
    from labctl.hint import Hint
    from labctl.home import written_for_person
    from labctl.render.cards import cards_page
    from labctl.render.screen import print_done

    roll = open_class(class_name)
    path = output or Path(f"{roll.name}-cards.html")
    address = url or f"https://{server_name()}:8443/"
    if new_codes:
        renew_codes(roll)
    page = cards_page(roll, address, ssh_port)
    note_handed_out(roll, path)
    with written_for_person(path):
        write_secret(path, page)
    said = ngettext(
        "{file} has a card for {count} seat",
        "{file} has a card for each of {count} seats",
        len(roll.seats),
        file=path,
    )
    print_done(
        "class cards",
        "\n".join([said, _("students open {url}", url=address)]),
        as_json=as_json,
        data={"class": roll.name, "file": path, "url": address, "seats": len(roll.seats)},
        hint=Hint(_("print it from a browser, then remove it: it contains all codes")),
    )


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a device or a pipe is written in place.

    If the path is a link, the file behind it is replaced: somebody else may own that.
    """
    from labctl.home import write_atomically

    target = path.resolve()
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")
    else:
        write_atomically(target, text, mode=0o600)
