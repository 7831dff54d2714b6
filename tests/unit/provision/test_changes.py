"""What the steps' scripts say they changed has a sentence in the user's language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provision.changes import SENTENCES, _pattern, told

_SAID = re.compile(r'^(?!.*\bsay\b).*\becho "([a-z][^"]+ [^"]+)"(?! >&2)', re.MULTILINE)
_PROVISION = Path(__file__).parents[3] / "provision"


def said() -> list[str]:
    """The lines that scripts print, with their shell variables."""
    found = {
        line for path in _PROVISION.glob("*.py") for line in _SAID.findall(path.read_text("utf-8"))
    }
    return sorted(line for line in found if not line.startswith("exit "))


def test_the_scripts_say_something() -> None:
    assert len(said()) > 15


@pytest.mark.parametrize("line", said())
def test_every_line_of_a_script_is_a_known_sentence(line: str) -> None:
    assert any(_pattern(sentence).fullmatch(line) for sentence in SENTENCES)


def test_in_japanese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_LANG", "ja")
    assert told("restarted postfix") == "postfix を再起動"
    assert told("added postfix to group sasl") == "postfix をグループ sasl に追加"
    assert told("made /var/spool passable") == "/var/spool に入れるようにパーミッションを変更"


def test_in_english_it_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_LANG", "en")
    for line in ("wrote /etc/postfix/main.cf", "did something else"):
        assert told(line) == line
