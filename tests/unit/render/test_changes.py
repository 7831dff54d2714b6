"""A change as a sentence, in both languages and in JSON."""

from __future__ import annotations

import pytest

from labctl.render.changes import SENTENCES, told
from labctl.render.document import plain
from labctl.results import Change, ChangeKind


def test_every_kind_has_a_sentence_of_its_own() -> None:
    assert set(SENTENCES) == set(ChangeKind)
    assert len(set(SENTENCES.values())) == len(SENTENCES)
    assert all("{subject}" in sentence for sentence in SENTENCES.values())


def test_in_japanese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_LANG", "ja")
    assert told(Change(ChangeKind.RESTARTED, "postfix")) == "postfix を再起動"
    assert told(Change(ChangeKind.ADDED_POSTFIX_TO_GROUP, "sasl")) == (
        "postfix をグループ sasl に追加"
    )


@pytest.mark.parametrize("language", ["en", "ja"])
def test_json_is_the_same_in_every_language(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    monkeypatch.setenv("LABCTL_LANG", language)
    assert plain([Change(ChangeKind.WROTE, "/etc/postfix/main.cf")]) == [
        {
            "what": "wrote /etc/postfix/main.cf",
            "kind": "wrote",
            "subject": "/etc/postfix/main.cf",
        }
    ]
