"""The commands of labctl, as data: what each is for, and whether it works on a lab."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from labctl.hint import Command, Hint
from labctl.i18n import N_

DEFAULT_LAB = "default"
# The variable that names the lab of every command without --name.
NAME_VARIABLE = "LABCTL_NAME"


@dataclass(frozen=True)
class CommandInfo:
    """One command: its summary in the help, and whether it has `--name`.

    `parts` are the commands below it, each with whether it has `--name`.
    """

    summary: str
    on_lab: bool = True
    parts: Mapping[str, bool] = field(default_factory=dict)


# In the order in which the help shows them.
COMMANDS = {
    "up": CommandInfo(N_("Build the lab, or stop after a step; continues after an interruption.")),
    "test-mail": CommandInfo(
        N_("Send, receive and answer mail between the two accounts, as the book does.")
    ),
    "trace": CommandInfo(N_("Follow one message through both hosts, from submission to reading.")),
    "thunderbird": CommandInfo(
        N_("Open an account of the lab in Thunderbird, ready to send and receive.")
    ),
    "report": CommandInfo(
        N_("Write a report to keep or print: the lab, its mail test, its checks.")
    ),
    "check": CommandInfo(N_("Grade manual work, section by section.")),
    "drill": CommandInfo(
        N_("Find and repair what labctl broke on purpose."),
        on_lab=False,
        parts={"list": True, "start": True, "hint": True, "check": True, "solve": True},
    ),
    "reset": CommandInfo(N_("Return all hosts to a checkpoint.")),
    "diff": CommandInfo(N_("Show manual changes on the hosts since a checkpoint.")),
    "checkpoints": CommandInfo(N_("List the states to which labctl reset can return.")),
    "status": CommandInfo(N_("Show hosts, checkpoints and folders of the lab.")),
    "steps": CommandInfo(N_("List the steps with the book's sections.")),
    "editions": CommandInfo(N_("List the editions of the book, or print one."), on_lab=False),
    "ssh": CommandInfo(N_("Open a shell on a host, or run a command there.")),
    "logs": CommandInfo(N_("Show the mail logs of both hosts in one stream.")),
    "credentials": CommandInfo(N_("Show the accounts with addresses and passwords.")),
    "render": CommandInfo(N_("Print the configuration files of a host, to read or to diff.")),
    "net": CommandInfo(N_("Open or close the hosts' internet access for package installation.")),
    "doctor": CommandInfo(N_("Check what this machine lacks for a lab, and how to fix it.")),
    "class": CommandInfo(
        N_("Run a lab for each seat of a class."),
        on_lab=False,
        parts=dict.fromkeys(
            (
                "init",
                "doctor",
                "up",
                "status",
                "check",
                "reset",
                "undo",
                "net",
                "move",
                "drill",
                "enter",
                "cards",
                "serve",
                "ssh",
                "keys",
                "down",
                "destroy",
                "end",
            ),
            False,
        ),
    ),
    "down": CommandInfo(N_("Stop the hosts and keep everything.")),
    "destroy": CommandInfo(N_("Remove the lab: hosts, checkpoints, keys and passwords.")),
}


def for_lab(command: Sequence[str], lab: str) -> Command:
    """A command line that is written for the default lab, for the lab called `lab`.

    Only a command of labctl that works on a lab changes, unless it names labs itself.
    """
    words = tuple(command)
    if not _needs_name(lab) or "labctl" not in words or {"--name", "--all"} & {*words}:
        return words
    at = words.index("labctl") + 1
    info = COMMANDS.get(words[at]) if at < len(words) else None
    if info is None:
        return words
    at += 1
    on_lab = info.on_lab
    if info.parts and at < len(words):
        on_lab = info.parts.get(words[at], False)
        at += 1
    return (*words[:at], "--name", lab, *words[at:]) if on_lab else words


def hint_for_lab(hint: Hint, lab: str) -> Hint:
    """The hint with all its commands for the lab called `lab`."""
    return replace(hint, commands=tuple(for_lab(command, lab) for command in hint.commands))


def _needs_name(lab: str) -> bool:
    return lab != DEFAULT_LAB or os.environ.get(NAME_VARIABLE, DEFAULT_LAB) != DEFAULT_LAB
