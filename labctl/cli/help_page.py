"""The frame of a help page in the user's language: headings, and options that every program has.

The help of each command is translated where it is written. Typer's own words are English only.
"""

from __future__ import annotations

import re
from typing import Any

import typer

from labctl.i18n import N_, _

_HEADINGS = frozenset({N_("Options"), N_("Arguments"), N_("Commands")})
_OPTIONS = frozenset(
    {
        N_("Show this message and exit."),
        N_("Install completion for the current shell."),
        N_("Show completion for the current shell, to copy it or customize the installation."),
    }
)
# What Typer adds to the help of an option, in brackets: [env var: NAME; default: VALUE].
_ADDITIONS = (N_("env var: "), N_("default: "), N_("required"))
_ADDED = re.compile(rf"(?<=[\[ ])({'|'.join(_ADDITIONS)})(?=[^\[]*\]$)")

# How Typer shows that an argument may be given more than once, besides the dots.
_LIST = " <list[str]>"


class Formatter(typer.Context.formatter_class):  # type: ignore[misc, valid-type]
    """Typer's formatter of a help page, with its own words translated."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, _("Usage: ") if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        super().write_heading(_(heading) if heading in _HEADINGS else heading)

    def write_dl(self, rows: Any, *args: Any, **options: Any) -> None:
        told = [(name.removesuffix(_LIST), _translated(text)) for name, text in rows]
        super().write_dl(told, *args, **options)


class Context(typer.Context):
    """The context of a command whose help page is in the user's language."""

    formatter_class = Formatter

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        # Typer's parser does not say at which command an option lacks its value.
        if getattr(error, "ctx", self) is None:
            error.ctx = self
        return super().__exit__(kind, error, trace)


def in_the_users_language(command: Any) -> Any:
    """The command, and all those in it, with such a help page."""
    command.context_class = Context
    for each in getattr(command, "commands", {}).values():
        # A list of commands cuts a help at the width of the terminal, but not a short help.
        each.short_help = each.help
        in_the_users_language(each)
    return command


def _translated(text: str) -> str:
    if text in _OPTIONS:
        return _(text)
    return _ADDED.sub(lambda found: _(found[1]), text)
