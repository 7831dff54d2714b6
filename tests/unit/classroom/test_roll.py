"""The roll of a class: what its file may say, and what is told about one that is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import i18n, resources
from labctl.classroom.roll import (
    Roll,
    Seat,
    class_folder,
    class_names,
    open_class,
    open_seat,
    read_roll,
    write_roll,
)
from labctl.errors import LabError, WrongState, WrongUsage
from labctl.home import lab_home


def made(name: str = "mail", seats: int = 3, until: str | None = "dns", **students: str) -> Roll:
    folder = class_folder(name)
    people = {int(key[1:]): student for key, student in students.items()}
    places = tuple(Seat(name, each, people.get(each, "")) for each in range(1, seats + 1))
    roll = Roll(name, places, until, folder / "labctl.toml")
    write_roll(roll)
    roll.lab_file.write_text('edition = "ubuntu"\nlang = "ja"\n', encoding="utf-8")
    return roll


def test_a_class_is_read_as_it_was_written() -> None:
    roll = made(s2="山田 太郎", s3='O"Brien \\ 𠮷田')
    assert open_class("mail") == roll
    assert open_class() == roll
    assert [seat.lab_name for seat in roll.seats] == ["mail-s01", "mail-s02", "mail-s03"]
    assert roll.seat(2).student == "山田 太郎"
    assert "山田 太郎" in roll.file.read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_only_the_owner_can_read_names() -> None:
    roll = made(s1="山田")
    assert roll.file.stat().st_mode & 0o077 == 0
    assert roll.folder.stat().st_mode & 0o077 == 0


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=80))
def test_any_printable_name_comes_back(name: str) -> None:
    roll = made(s1=name)
    import unicodedata

    assert read_roll("mail").seats[0].student == unicodedata.normalize("NFC", name).strip()
    assert roll.seats[1].student == ""


def test_the_language_of_the_lab_file_is_taken() -> None:
    made()
    open_class("mail")
    assert i18n.language() == "ja"


@pytest.mark.usefixtures("a_provider")
def test_a_seat_is_an_ordinary_lab_with_the_lab_file_of_the_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll = made()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "labctl.toml").write_text('edition = "almalinux"\n', encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    session = open_seat(roll, roll.seat(2))
    assert session.home == lab_home("mail-s02")
    assert session.lab.edition.edition == "ubuntu"
    assert session.lab_file == roll.lab_file


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version = 1\nseats = 0", "seats: "),
        ("version = 1\nseats = 501", "seats: "),
        ('version = 1\nseats = "3"', "seats: "),
        ("version = 1", "seats: "),
        ("version = 2\nseats = 3", "version: "),
        ("version = 1\nseats = 3\nsaets = 3", "saets: "),
        ('version = 1\nseats = 3\nuntil = "nowhere"', "until: "),
        ('version = 1\nseats = 3\n[students]\n4 = "x"', "students.4: "),
        ('version = 1\nseats = 3\n[students]\nx = "x"', "students.x: "),
        ('version = 1\nseats = 3\n[students]\n1 = "x"\n01 = "y"', "students.1: "),
        ("version = 1\nseats = 3\n[students]\n1 = 5", "students.1: "),
        ('version = 1\nseats = 3\n[students]\n1 = "\\u0007"', "students.1: "),
        ("version = 1\nseats = [", "the file ends too early"),
        ("version = 1\nseats = " + "9" * 5000, "a number"),
    ],
)
def test_a_wrong_file_is_told_with_its_path_and_the_key(text: str, told: str) -> None:
    roll = made()
    roll.file.write_text(text, encoding="utf-8")
    with pytest.raises(WrongUsage) as caught:
        open_class("mail")
    assert str(roll.file) in caught.value.message
    assert told in caught.value.cause
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x83\x5c"])
def test_a_file_that_is_no_text_is_told(content: bytes) -> None:
    roll = made()
    roll.file.write_bytes(content)
    with pytest.raises(WrongUsage, match=r"class\.toml"):
        open_class("mail")


def test_a_wrong_edition_of_one_s_own_is_told_as_for_a_lab() -> None:
    roll = made()
    text = (resources.editions() / "ubuntu.yaml").read_text(encoding="utf-8")
    own = roll.folder / "our.yaml"
    own.write_text(text.replace("step: dovecot", "step: webmail"), encoding="utf-8")
    roll.lab_file.write_text('edition = "./our.yaml"\n', encoding="utf-8")
    with pytest.raises(WrongUsage) as refused:
        open_class("mail")
    assert str(own) in refused.value.message
    assert "there is no step 'webmail'" in refused.value.cause


def test_a_missing_lab_file_is_told() -> None:
    made().lab_file.unlink()
    with pytest.raises(WrongUsage, match=r"labctl\.toml"):
        open_class("mail")


def test_a_byte_order_mark_is_read() -> None:
    roll = made()
    roll.file.write_text(roll.file.read_text("utf-8"), encoding="utf-8-sig")
    assert open_class("mail") == roll


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ([], [1, 2, 3, 4, 5]),
        (["2"], [2]),
        (["s02", "02", "2"], [2]),
        (["mail-s03"], [3]),
        (["5", "1"], [1, 5]),
        (["2-4"], [2, 3, 4]),
        (["s04-s05", "1"], [1, 4, 5]),
    ],
)
def test_seats_are_chosen_by_number(words: list[str], numbers: list[int]) -> None:
    chosen = made(seats=5).chosen(words)
    assert [seat.number for seat in chosen] == numbers


@pytest.mark.parametrize(
    ("name", "word", "numbers"),
    [
        ("3", "3-5", [3, 4, 5]),
        ("3", "3-s05", [5]),
        ("s1", "s1-s3", [1, 2, 3]),
        ("s1", "s1-s03", [3]),
    ],
)
def test_a_range_is_one_whatever_the_class_is_called(
    name: str, word: str, numbers: list[int]
) -> None:
    seats = tuple(Seat(name, number) for number in range(1, 6))
    roll = Roll(name, seats, None, Path("labctl.toml"))
    assert [seat.number for seat in roll.chosen([word])] == numbers


def test_every_class_has_a_model_and_seats_with_valid_names() -> None:
    name = "a" * 26
    roll = Roll(name, (Seat(name, 500),), None, Path("labctl.toml"))
    assert class_folder(name)
    assert lab_home(roll.model_name) and lab_home(roll.seats[0].lab_name)


@pytest.mark.parametrize(
    "word", ["0", "6", "4-6", "4-2", "x", "-1", "1-", "s", "1-99999", "other-s01"]
)
def test_a_seat_that_is_not_there_is_refused(word: str) -> None:
    with pytest.raises(WrongUsage, match="no seat"):
        made(seats=5).chosen([word])


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a b", "../a", "a" * 27, "ä"])
def test_a_name_of_no_class_is_refused(name: str) -> None:
    with pytest.raises(WrongUsage):
        class_folder(name)
    with pytest.raises(LabError):
        open_class(name)


def test_without_a_name_there_must_be_one_class() -> None:
    with pytest.raises(WrongState, match="no class"):
        open_class()
    with pytest.raises(WrongState, match="mail"):
        open_class("mail")
    roll = made()
    assert roll.command("up") == ("labctl", "class", "up")
    made("other")
    assert roll.command("up") == ("labctl", "class", "up", "--class", "mail")
    assert class_names() == ["mail", "other"]
    with pytest.raises(WrongUsage, match=r"which class|どのクラス"):
        open_class()
