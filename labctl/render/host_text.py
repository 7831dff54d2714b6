"""Unchanged text from the hosts: configuration files and log lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.i18n import _
from labctl.render.document import json_text, plain, print_json
from labctl.render.screen import console
from labctl.render.shown import escape

if TYPE_CHECKING:
    from labctl.mailtest.logs import LogLine
    from labctl.managed import ManagedFile

_COLOURS = ("cyan", "magenta", "yellow")


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
    """The lines as they come. A person is told if there are none; a program gets no lines."""
    colours: dict[str, str] = {}
    for line in lines:
        if as_json:
            sys.stdout.write(json_text(plain(line)))
            sys.stdout.flush()
            continue
        colour = colours.setdefault(line.host, _COLOURS[len(colours) % len(_COLOURS)])
        stamp = line.time.strftime("%H:%M:%S.%f")[:-3]
        text = escape(line.text)
        # A sign and not only a colour, for a file or a colour-blind reader.
        told = f"[dim]· {text}[/]" if line.probe else text
        console().print(f"{stamp} [{colour}]{line.host}[/] {told}")
    if not colours and not as_json:
        # Not among the lines, which may go to a file or another program.
        sys.stderr.write(_("the mail logs have no lines to show") + "\n")
