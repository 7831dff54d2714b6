"""A wrong command line: labctl says what is wrong in the user's language, and what to type."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.program import labctl

CASES = [
    ("chek", "there is no command 'chek'", "labctl check", "'chek' というコマンドはありません"),
    ("clas up", "there is no command 'clas'", "labctl class", "'clas' というコマンドはありません"),
    ("class rest 1", "there is no command 'rest'", "labctl class reset",
     "'rest' というコマンドはありません"),
    ("drill strat", "there is no command 'strat'", "labctl drill start",
     "'strat' というコマンドはありません"),
    ("frob", "there is no command 'frob'", "labctl --help", "'frob' というコマンドはありません"),
    ("up --nam x", "there is no option --nam", "labctl up --help",
     "--nam というオプションはありません"),
    ("up -z", "there is no option -z", "labctl up --help", "-z というオプションはありません"),
    ("up --until", "--until needs a value", "labctl up --help", "--until には値が必要です"),
    ("reset --to", "--to needs a value", "labctl reset --help", "--to には値が必要です"),
    ("class move 1 --to", "--to needs a value", "labctl class move --help",
     "--to には値が必要です"),
    ("check --why=no", "--why takes no value", "labctl check --help",
     "--why に値は付けられません"),
    ("--lang", "--lang needs a value", "labctl --help", "--lang には値が必要です"),
    ("ssh", "host is missing", "labctl ssh --help", "host が指定されていません"),
    ("trace --stages x", None, "labctl trace --help", None),
    ("class init a --seats many", "wrong value for --seats", "labctl class init --help",
     "--seats の値が正しくありません"),
    ("up extra words", "too many arguments: extra words", "labctl up --help",
     "引数が多すぎます: extra words"),
    ("class init a --students /", "wrong value for --students\n  / is a folder, not a",
     "labctl class init --help", "--students の値が正しくありません\n  / はファイルではなく"),
    ("net ajar", "wrong value for open|close\n  'ajar' is not one of: open, close\n",
     "labctl net --help",
     "open|close の値が正しくありません\n  'ajar' は"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message", "hint", "japanese"), CASES)
def test_the_error_says_what_is_wrong_and_what_to_type(
    words: str, message: str | None, hint: str, japanese: str | None
) -> None:
    told = labctl("--lang", "en", *words.split(), code=2)
    assert told.out == ""
    assert told.err.startswith(f"error: {message or ''}")
    assert hint in told.err
    in_japanese = labctl("--lang", "ja", *words.split(), code=2)
    assert in_japanese.err.startswith(f"エラー: {japanese or ''}")


def test_a_wrong_value_is_explained_in_japanese_too() -> None:
    told = labctl("--lang", "ja", "class", "init", "a", "--seats", "many", code=2)
    assert "整数" in told.err


def test_options_like_the_wrong_one_are_named() -> None:
    assert "--name" in labctl("--lang", "en", "up", "--nam", "x", code=2).err


def test_json_has_the_same_error() -> None:
    told = labctl("--lang", "en", "check", "--json", "--nope", code=2)
    assert json.loads(told.out or told.err)["error"]["message"] == "there is no option --nope"
