"""Text for people: the terminal, line breaks, tables, errors."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from labctl.errors import LabError
from labctl.hint import Hint
from labctl.i18n import _
from labctl.render.document import print_json, print_json_error
from labctl.render.hints import hint_lines

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
    """A hint with a heading in bold; nothing for an empty one."""
    for number, line in enumerate(hint_lines(heading, hint, lab)):
        text = escape(line)
        if number == 0:
            text = f"[bold]{escape(heading)}[/]{escape(line[len(heading) :])}"
        out.print(f"{indent}{text}")


def ignored_keys(provider: str, keys: Sequence[str]) -> str:
    """What is said of keys of the lab file that only other providers know."""
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
    """The end of a command that shows only a sentence and what to type next."""
    if as_json:
        print_json(command, data)
        return
    console().print(escape(text))
    if hint is not None:
        print_hint(console(), _("next"), hint, lab)


def print_table(table: Table) -> None:
    """Print a table without blanks at the ends of its lines, which a paste would keep."""
    for line in lines_of(table):
        sys.stdout.write(f"{line}\n")


def lines_of(table: Table) -> list[str]:
    """The table's lines, without the blanks at their ends."""
    # Never cut to the terminal: a name that is cut cannot be typed again.
    with console().capture() as captured:
        console().print(table, width=max(console().width, 240))
    return [line.rstrip() for line in captured.get().splitlines()]
