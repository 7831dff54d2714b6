"""The commands as data: they are those that Typer builds, and hints name the lab with them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from labctl import errors
from labctl.cli.app import build
from labctl.commands import COMMANDS, for_lab, hint_for_lab
from labctl.errors import LabError
from labctl.hint import commands
from tests.unit.pages import ROOT

GROUP: Any = typer.main.get_command(build())


def takes_name(command: Any) -> bool:
    return any("--name" in parameter.opts for parameter in command.params)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_which_commands_work_on_a_lab(name: str) -> None:
    command = GROUP.get_command(typer.Context(GROUP), name)
    parts = getattr(command, "commands", {})
    assert takes_name(command) == COMMANDS[name].on_lab
    assert {part: takes_name(built) for part, built in parts.items()} == COMMANDS[name].parts


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("labctl up", "labctl up --name class-a"),
        ("sudo labctl up --until dns", "sudo labctl up --name class-a --until dns"),
        ("labctl drill start --random", "labctl drill start --name class-a --random"),
        ("labctl ssh host1 -- ls", "labctl ssh --name class-a host1 -- ls"),
        ("labctl editions --show ubuntu", None),
        ("labctl drill", None),
        ("labctl editions", None),
        ("labctl status --all", None),
        ("labctl down --name NAME", None),
        ("labctl", None),
        ("labctl --help", None),
        ("vagrant up", None),
    ],
)
def test_a_command_gets_the_name_of_the_lab_if_it_takes_one(line: str, named: str | None) -> None:
    assert " ".join(for_lab(line.split(), "class-a")) == (named or line)
    assert " ".join(for_lab(line.split(), "default")) == line


def test_the_default_lab_is_named_if_the_variable_names_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LABCTL_NAME", "class-a")
    assert for_lab(("labctl", "up"), "default") == ("labctl", "up", "--name", "default")


def test_a_hint_keeps_its_text_and_names_the_lab_in_each_command() -> None:
    hint = hint_for_lab(commands("labctl destroy", "labctl up", text="begin again"), "class-a")
    assert str(hint) == "begin again: labctl destroy --name class-a, labctl up --name class-a"


# What has a hint: the errors, and a check's finding.
_HINTED = {
    name for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, LabError)
} | {"Finding"}  # fmt: skip


def hints() -> Iterator[tuple[str, str]]:
    """Every text in the hint of an error or a finding in the sources, with its place."""
    for part in ("labctl", "provision"):
        for path in sorted((ROOT / part).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            yield from ((f"{place}:{line}", text) for line, text in _hints_in(path))


def _hints_in(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for keyword in node.keywords:
                if node.func.id in _HINTED and keyword.arg == "hint":
                    yield from _texts(keyword.value)


def _texts(value: ast.expr) -> Iterator[tuple[int, str]]:
    """The sentences of a hint; what `commands` is given besides `text` are commands."""
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "commands":
        for keyword in value.keywords:
            yield from _texts(keyword.value)
        return
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_no_sentence_of_a_hint_holds_a_command_of_labctl() -> None:
    """It would work on the default lab, whatever lab the error is about."""
    found = list(hints())
    assert len(found) > 20
    words = tuple(f"labctl {name}" for name in COMMANDS)
    assert [each for each in found if any(word in each[1] for word in words)] == []
