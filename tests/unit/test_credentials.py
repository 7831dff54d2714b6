"""Passwords: generated once per lab, readable only by their owner, shown nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.credentials import Credentials, load_credentials, make_credentials
from labctl.errors import WrongState
from labctl.home import LabHome, lab_home
from labctl.lab import Lab, load_lab


@pytest.fixture
def home() -> LabHome:
    return lab_home("class-a")


def lab(folder: Path, text: str = "") -> Lab:
    (folder / "labctl.toml").write_text(text)
    return load_lab("class-a", folder / "labctl.toml")


def made(home: LabHome, which: Lab) -> Credentials:
    make_credentials(home, which)
    return load_credentials(home, which)


@pytest.mark.posix
def test_made_once_and_kept(home: LabHome, tmp_path: Path) -> None:
    assert make_credentials(home, lab(tmp_path))
    first = load_credentials(home, lab(tmp_path))
    assert set(first.passwords) == {"user1", "user2"}
    assert first.password("user1") != first.password("user2")
    assert not make_credentials(home, lab(tmp_path))
    assert load_credentials(home, lab(tmp_path)) == first
    assert home.credentials_file.stat().st_mode & 0o777 == 0o600


def test_no_letter_of_a_made_one_can_be_misread(home: LabHome, tmp_path: Path) -> None:
    password = made(home, lab(tmp_path)).password("user1")
    assert len(password) >= 10
    assert not set(password) & set("0O1Il")


def test_the_lab_files_password_wins_and_stays(home: LabHome, tmp_path: Path) -> None:
    make_credentials(home, lab(tmp_path))
    chosen = lab(tmp_path, '[passwords]\nuser1 = "chosen"')
    assert load_credentials(home, chosen).password("user1") == "chosen"
    # `up` sets it on the hosts.
    assert not make_credentials(home, chosen)
    assert load_credentials(home, lab(tmp_path)).password("user1") == "chosen"


def test_shown_as_stars(home: LabHome, tmp_path: Path) -> None:
    found = made(home, lab(tmp_path))
    assert found.password("user1") not in f"{found} {found!r} {found.model_dump_json()}"


def test_lost_passwords_are_not_replaced_by_others_than_the_hosts_have(
    home: LabHome, tmp_path: Path
) -> None:
    make_credentials(home, lab(tmp_path))
    home.credentials_file.unlink()
    with pytest.raises(WrongState, match="class-a are not known") as lost:
        load_credentials(home, lab(tmp_path))
    assert lost.value.cause.endswith("credentials.json has none for: user1, user2")
    assert "labctl up" in str(lost.value.hint)
    assert not home.credentials_file.exists()
    # Those in the lab file are enough.
    chosen = lab(tmp_path, '[passwords]\nuser1 = "a"\nuser2 = "b"')
    assert load_credentials(home, chosen).password("user2") == "b"


@pytest.mark.parametrize("text", ["", "{", '{"passwords": {"user1": 1}}', "\udcff"])
def test_a_file_that_is_not_readable_says_what_to_do(
    home: LabHome, tmp_path: Path, text: str
) -> None:
    make_credentials(home, lab(tmp_path))
    home.credentials_file.write_bytes(text.encode("utf-8", "surrogateescape"))
    for ask in (load_credentials, make_credentials):
        with pytest.raises(WrongState, match=r"credentials\.json") as wrong:
            ask(home, lab(tmp_path))
        assert str(wrong.value.hint) == "labctl destroy, labctl up"
