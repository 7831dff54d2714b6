"""The commands, in the order the help shows them; each is built when it is run.

Building one costs its module and a look at its signature. The help of labctl itself needs none
of that, and a command only its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from labctl.i18n import N_, _

SUMMARIES = {
    "up": N_("Bring the lab up, or as far as a step; continues where it stopped."),
    "test-mail": N_("Send, receive and answer mail between user1 and user2, as the book does."),
    "trace": N_("Follow one message through both hosts, from writing to reading."),
    "thunderbird": N_("Open an account of the lab in Thunderbird, ready to send and receive."),
    "report": N_("Write a report to keep or print: the lab, its mail test, its checks."),
    "check": N_("Grade what was set up by hand, section by section."),
    "drill": N_("Find and mend what labctl broke on purpose."),
    "reset": N_("Put both hosts back to a checkpoint."),
    "diff": N_("Show what a person changed on the hosts since a checkpoint."),
    "checkpoints": N_("List the states that labctl reset can go back to."),
    "status": N_("Show hosts, checkpoints and folders of the lab."),
    "steps": N_("List the steps with the book's sections."),
    "ssh": N_("Open a shell on a host, or run a command there."),
    "logs": N_("Show the mail logs of both hosts in one stream."),
    "credentials": N_("Show the accounts with addresses and passwords."),
    "render": N_("Print the configuration files of a host, to read or to diff."),
    "net": N_("Open or close the hosts' way out for package installation."),
    "doctor": N_("Check what this machine lacks for a lab, and what mends it."),
    "down": N_("Stop the hosts and keep everything."),
    "destroy": N_("Remove the lab: hosts, checkpoints, keys and passwords."),
}


class Commands(TyperGroup):
    """labctl's commands by name. A module of labctl.cli holds each, as a function or a group."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        # For the help and for "did you mean": names and summaries.
        self.commands = {name: TyperCommand(name, help=_(text)) for name, text in SUMMARIES.items()}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name with its options; None where there is none."""
        return _built(cmd_name) if cmd_name in SUMMARIES else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Lists them without building any."""
        TyperGroup(commands=dict(self.commands)).format_commands(ctx, formatter)


def that_take_a_lab() -> Iterator[str]:
    """The commands with `--name`, each as it is typed: "up", "drill start"."""
    for name in SUMMARIES:
        command = _built(name)
        parts = getattr(command, "commands", {"": command})
        for word, part in parts.items():
            if any("--name" in parameter.opts for parameter in part.params):
                yield f"{name} {word}".rstrip()


def _built(name: str) -> Any:
    word = name.replace("-", "_")
    module = import_module(f"labctl.cli.{word}")
    app = getattr(module, "app", None) or typer.Typer(rich_markup_mode=None)
    if not app.registered_commands:
        app.command(name, help=_(SUMMARIES[name]))(getattr(module, word))
    # Completion is installed for labctl as a whole.
    app._add_completion = False
    command = typer.main.get_command(app)
    command.name = name
    return command
