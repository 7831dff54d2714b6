"""`labctl up` tells why the lab has its provider."""

from __future__ import annotations

import pytest

from tests.fakes.lab import memory_lab
from tests.unit.cli.program import labctl


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_reason_is_told_in_the_users_language_and_in_english_in_json(
    lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_lab(monkeypatch)
    words = ("up", "--provider", "fake", "--until", "os")
    told = labctl(*words, code=0, env={"LABCTL_LANG": lang})
    reason = {"en": "requested with --provider", "ja": "--provider で指定されたため"}[lang]
    assert reason in told.out + told.err
    data = labctl(*words, "--json", code=0, env={"LABCTL_LANG": lang}).json["data"]
    assert data["reason"] == "requested with --provider"
