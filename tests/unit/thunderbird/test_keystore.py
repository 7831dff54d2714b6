"""Where Mozilla's library NSS is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.thunderbird import keystore


@pytest.mark.parametrize(
    ("system", "library"),
    [
        ("linux", "/usr/lib/thunderbird/libnss3.so"),
        ("darwin", "/Applications/Thunderbird.app/Contents/MacOS/libnss3.dylib"),
        ("win32", "D:/Programs/Mozilla Thunderbird/nss3.dll"),
    ],
)
def test_nss_is_loaded_from_thunderbirds_folder_under_the_systems_name(
    monkeypatch: pytest.MonkeyPatch, system: str, library: str
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setenv("PROGRAMFILES", "D:/Programs")
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    monkeypatch.setattr(Path, "exists", lambda path: path == Path(library))
    monkeypatch.setattr(keystore, "_load", asked.append)
    keystore.find_nss()
    assert asked == [Path(library)]


def test_without_thunderbird_there_is_no_nss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert keystore.find_nss() is None
