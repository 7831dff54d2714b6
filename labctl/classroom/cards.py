"""The cards of a class: a page to print, with a card for each seat."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from labctl.classroom.codes import load_codes
from labctl.classroom.doors import doors_of
from labctl.classroom.roll import Roll, lab_of
from labctl.i18n import _, language


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
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_=_, lang=language())
    template = environment.get_template("cards.html.j2")
    return template.render(roll=roll, url=url, codes=load_codes(roll), ways=ways)
