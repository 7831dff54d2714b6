"""Any wrong command line is refused with exit code 2, names the wrong word, and never runs."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labctl.cli import app
from labctl.cli.app import build, run
from labctl.home import lab_home
from labctl.state import LabState, write_state

NASTY = [
    "a b", "'", '"', ";touch canary", "$(touch canary)", "`touch canary`", "a\nb", "|touch canary",
    "&touch canary", "${x:=1}", "*", "~", "\\", "日本語", ">canary", "../default", "/", ".",
    "\udcff", "a" * 5000, "host1;touch canary", "nspawn\n",
]  # fmt: skip
# What argv can contain: no zero byte; bytes that are not text appear as lone surrogates.
TEXT = st.text(
    st.characters(exclude_characters="\0", exclude_categories=()), min_size=1, max_size=12
)
WORD = (st.sampled_from(NASTY) | TEXT).filter(
    lambda word: not word.startswith("-") and not any("\ud800" <= c < "\udc80" for c in word)
)
few = settings(max_examples=8)
JSON = st.sampled_from([[], ["--json"]])


def _commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(build())
    every = {name: group.get_command(None, name) for name in group.commands}
    return {name: each for name, each in every.items() if not hasattr(each, "commands")}


COMMANDS = _commands()
NAMED = [name for name, each in COMMANDS.items() if any(p.name == "name" for p in each.params)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command runs. A canary file would appear here."""
    write_state(lab_home("default"), LabState(provider="nspawn", fingerprint="x"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    # Building the application takes longer than refusing a word.
    monkeypatch.setattr(app, "build", functools.cache(build))
    return tmp_path / "empty"


def refused(words: list[str], capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """Run the words, which must be refused. Returns the error."""
    capsys.readouterr()
    assert run(words) == 2, words
    out, err = capsys.readouterr()
    assert list(folder.iterdir()) == []
    if "--json" in words:
        assert err == ""
        document = json.loads(out)
        assert document["exit_code"] == 2
        return str(document["error"])
    assert out == ""
    assert err.strip()
    return str(err)


@few
@given(WORD, JSON)
def test_an_unknown_command(
    capsys: pytest.CaptureFixture[str], folder: Path, word: str, as_json: list[str]
) -> None:
    if word not in [*COMMANDS, "drill"]:
        refused([word, *as_json], capsys, folder)


@few
@given(st.sampled_from(sorted(COMMANDS)), WORD, JSON)
def test_an_unknown_option(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    command: str,
    word: str,
    as_json: list[str],
) -> None:
    if "json" in {param.name for param in COMMANDS[command].params} or not as_json:
        refused([command, f"--x{word}", *as_json], capsys, folder)


@few
@given(command=st.sampled_from(NAMED), word=WORD)
@example(command="up", word="\\")
def test_what_is_no_name_of_a_lab(
    capsys: pytest.CaptureFixture[str], folder: Path, command: str, word: str
) -> None:
    if word.isascii() and word.isalnum():
        word = f"{word}-"
    needed = {"ssh": ["host1"], "render": ["host1"], "net": ["open"], "report": ["lab.html"]}
    words = [command, *needed.get(command, []), f"--name={word}"]
    assert "hint" in refused(
        [*words, "--yes"] if command in ("reset", "destroy") else words, capsys, folder
    )


@pytest.mark.parametrize(
    "words",
    [
        ["up", "--until"], ["up", "--provider"], ["up", "--checkpoints"], ["up", "--lab"],
        ["ssh"], ["logs"], ["render"], ["net"], ["render", "host1"], ["logs", "--lines"],
        ["test-mail", "--timeout"], ["--lang"],
    ],
    ids=" ".join,
)  # fmt: skip
@few
@given(word=WORD)
def test_a_value_that_is_none_of_those_allowed(
    capsys: pytest.CaptureFixture[str], folder: Path, words: list[str], word: str
) -> None:
    if not word.strip().isdigit():
        refused([*words, word, *(["status"] if words == ["--lang"] else [])], capsys, folder)
