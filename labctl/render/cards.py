"""The cards of a class: a page to print, with a card for each seat."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from labctl.classroom.codes import load_codes
from labctl.classroom.roll import Roll, lab_of
from labctl.classroom.ssh_doors import doors_of
from labctl.html import html_environment
from labctl.i18n import language


def cards_page(roll: Roll, url: str, ssh_port: int | None = None) -> str:
    """The page in the user's language: HTML without external resources. It contains all codes.

    With `ssh_port`, the first port of `labctl class ssh`, the cards also tell how to log in by SSH.
    """
    server = urlsplit(url).hostname or url
    ways: dict[int, list[str]] = {seat.number: [] for seat in roll.seats}
    lab = lab_of(roll)
    for door in doors_of(roll, ssh_port) if ssh_port is not None else ():
        if account := lab.host(door.host).account:
            ways[door.seat.number].append(f"ssh -p {door.port} {account}@{server}")
    environment = html_environment(Path(__file__).parent)
    environment.globals.update(lang=language())
    template = environment.get_template("cards.html.j2")
    return template.render(roll=roll, url=url, codes=load_codes(roll), ways=ways)
