"""Text output: the terminal, line breaks, tables, errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

from labctl.errors import LabError
from labctl.hint import Hint
from labctl.i18n import _
from labctl.render.document import print_json, print_json_error
from labctl.render.hints import hint_lines
from labctl.render.shown import escape


@cache
def console() -> Console:
    return Console(highlight=False, soft_wrap=True)


@cache
def console_err() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(error: LabError, lab: str, *, as_json: bool) -> None:
    """Message, cause and hint; the commands of the hint are for the lab called `lab`."""
    if as_json:
        print_json_error(error, lab)
        return
    out = console_err()
    heading = _("error")
    out.print(f"[bold red]{heading}[/]: {escape(error.message)}")
    for line in error.cause.splitlines():
        out.print(f"  {escape(line)}")
    print_hint(out, _("hint"), error.hint, lab)


def print_hint(out: Console, heading: str, hint: Hint, lab: str, indent: str = "") -> None:
    """Print a hint with a bold heading, or nothing if it is empty."""
    for number, line in enumerate(hint_lines(heading, hint, lab)):
        text = escape(line)
        if number == 0:
            text = f"[bold]{escape(heading)}[/]{escape(line[len(heading) :])}"
        out.print(f"{indent}{text}")


def ignored_keys(provider: str, keys: Sequence[str]) -> str:
    """The message about keys of the lab file that only other providers use."""
    return _(
        "the provider {name} does not use these keys of the lab file: {keys}",
        name=provider,
        keys=", ".join(keys),
    )


def print_done(
    command: str,
    text: str,
    *,
    as_json: bool,
    data: Any = None,
    hint: Hint | None = None,
    lab: str = "",
) -> None:
    """Print the end of a command: a sentence and the next command."""
    if as_json:
        print_json(command, data)
        return
    console().print(escape(text))
    if hint is not None:
        print_hint(console(), _("next"), hint, lab)


def print_wrapped(out: Console, content: RenderableType) -> None:
    """Print something that wraps at the width of the terminal, without trailing spaces."""
    with out.capture() as captured:
        out.print(content, soft_wrap=False)
    for line in captured.get().splitlines():
        sys.stdout.write(f"{line.rstrip()}\n")


def print_table(table: Table) -> None:
    """Print a table without trailing spaces."""
    for line in lines_of(table):
        sys.stdout.write(f"{line}\n")


def lines_of(table: Table) -> list[str]:
    """The lines of the table without trailing spaces."""
    # Do not cut lines to the width of the terminal, because a cut name cannot be typed.
    with console().capture() as captured:
        console().print(table, width=max(console().width, 240))
    return [line.rstrip() for line in captured.get().splitlines()]
