"""Thunderbird is found where each system installs it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from labctl.errors import MachineLacks
from labctl.thunderbird.program import find_thunderbird


def test_on_path_first_then_where_windows_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PROGRAMFILES", str(tmp_path / "Program Files"))
    installed = tmp_path / "Program Files" / "Mozilla Thunderbird" / "thunderbird.exe"
    installed.parent.mkdir(parents=True)
    installed.touch()
    assert find_thunderbird() == str(installed)

    on_path = tmp_path / ("thunderbird.exe" if sys.platform == "win32" else "thunderbird")
    on_path.touch(mode=0o755)
    assert find_thunderbird() == str(on_path)


def test_without_it_the_settings_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PROGRAMFILES", raising=False)
    with pytest.raises(MachineLacks) as lacks:
        find_thunderbird()
    assert "labctl thunderbird --print" in str(lacks.value.hint)
