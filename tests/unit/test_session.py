"""Opening a lab: which lab file counts, and in which language labctl then speaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl import i18n
from labctl.session import open_session
from labctl.state import LabState, write_state


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("LABCTL_LANG", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    yield
    i18n.prefer_language(None)


def class_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    """A folder with a lab file, which is where the user is."""
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "labctl.toml").write_text(f'provider = "nspawn"\n{text}\n')
    monkeypatch.chdir(folder)
    return folder


def test_the_lab_file_of_the_folder_is_found_again_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = class_folder(tmp_path, monkeypatch, 'dns = "parent"')
    first = open_session("default")
    assert first.lab_file == folder / "labctl.toml"
    state = LabState(provider="nspawn", fingerprint="", lab_file=first.lab_file)
    write_state(first.home, state)

    monkeypatch.chdir(tmp_path)
    assert open_session("default").lab == first.lab


def test_the_lab_file_chooses_the_language_before_the_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_folder(tmp_path, monkeypatch, 'lang = "ja"')
    assert i18n.language() == "en"
    open_session("default")
    assert i18n.language() == "ja"
    monkeypatch.setenv("LABCTL_LANG", "en")
    assert i18n.language() == "en"
