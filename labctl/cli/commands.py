"""labctl.commands as Typer commands. Each is built when it is run.

To build a command is to import its module and inspect its signature. labctl's own help needs
neither.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from keyword import iskeyword
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from labctl.cli.help_page import Context, in_the_users_language
from labctl.cli.refusals import unknown_command
from labctl.commands import COMMANDS
from labctl.i18n import _


class Group(TyperGroup):
    """Commands under one name. An unknown command is an error of labctl, with names like it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first of `args` names; raises WrongUsage."""
        word = args[0]
        if not word.startswith("-") and self.get_command(ctx, word) is None:
            raise unknown_command(word, get_close_matches(word, self.commands), ctx.command_path)
        return super().resolve_command(ctx, args)


class Commands(Group):
    """labctl's commands by name. Each is a module of labctl.cli, with a function or a group."""

    context_class = Context

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        # For the help and for "did you mean": names and summaries.
        self.commands = {
            # A help would be cut at the width of the terminal.
            name: TyperCommand(name, short_help=_(info.summary))
            for name, info in COMMANDS.items()
        }

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name with its options; None if there is none."""
        return _built(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List them without building any."""
        TyperGroup(commands=dict(self.commands)).format_commands(ctx, formatter)


def _built(name: str) -> Any:
    word = name.replace("-", "_")
    if iskeyword(word):
        word += "_"
    module = import_module(f"labctl.cli.{word}")
    app = getattr(module, "app", None) or typer.Typer(rich_markup_mode=None)
    if not app.registered_commands:
        app.command(name, help=_(COMMANDS[name].summary))(getattr(module, word))
    # Completion is installed for labctl as a whole.
    app._add_completion = False
    command = typer.main.get_command(app)
    command.name = name
    return in_the_users_language(command)
