"""Passwords: generated once per lab, readable only by their owner, shown nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.credentials import load_credentials
from labctl.errors import WrongState
from labctl.home import LabHome, lab_home
from labctl.lab import Lab, load_lab


@pytest.fixture
def home() -> LabHome:
    return lab_home("class-a")


def lab(folder: Path, text: str = "") -> Lab:
    (folder / "labctl.toml").write_text(text)
    return load_lab("class-a", folder / "labctl.toml")


@pytest.mark.posix
def test_made_once_and_kept(home: LabHome, tmp_path: Path) -> None:
    made = load_credentials(home, lab(tmp_path))
    assert set(made.passwords) == {"user1", "user2"}
    assert made.password("user1") != made.password("user2")
    assert load_credentials(home, lab(tmp_path)) == made
    assert home.credentials_file.stat().st_mode & 0o777 == 0o600


def test_no_letter_of_a_made_one_can_be_misread(home: LabHome, tmp_path: Path) -> None:
    password = load_credentials(home, lab(tmp_path)).password("user1")
    assert len(password) >= 10
    assert not set(password) & set("0O1Il")


def test_the_lab_files_password_wins_and_stays(home: LabHome, tmp_path: Path) -> None:
    load_credentials(home, lab(tmp_path))
    told = load_credentials(home, lab(tmp_path, '[passwords]\nuser1 = "chosen"'))
    assert told.password("user1") == "chosen"
    assert load_credentials(home, lab(tmp_path)).password("user1") == "chosen"


def test_shown_as_stars(home: LabHome, tmp_path: Path) -> None:
    made = load_credentials(home, lab(tmp_path))
    assert made.password("user1") not in f"{made} {made!r} {made.model_dump_json()}"


@pytest.mark.parametrize("text", ["", "{", '{"passwords": {"user1": 1}}', "\udcff"])
def test_a_file_that_is_not_readable_says_what_to_do(
    home: LabHome, tmp_path: Path, text: str
) -> None:
    load_credentials(home, lab(tmp_path))
    home.credentials_file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(WrongState, match=r"credentials\.json") as wrong:
        load_credentials(home, lab(tmp_path))
    assert str(wrong.value.hint) == "labctl destroy, labctl up"
