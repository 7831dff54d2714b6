"""Lists of students, as spreadsheets and course platforms write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.classroom.students import read_students
from labctl.errors import WrongUsage


def read(tmp_path: Path, data: bytes) -> dict[int, str]:
    path = tmp_path / "students.csv"
    path.write_bytes(data)
    return read_students(path)


YAMADA = {1: "山田 太郎", 2: "髙橋 花子"}


@pytest.mark.parametrize(
    "text",
    [
        "山田 太郎\n髙橋 花子\n",
        "山田 太郎\r\n髙橋 花子",
        "1,山田 太郎\n2,髙橋 花子\n",
        "s02,髙橋 花子\ns01,山田 太郎\n",
        "2\t髙橋 花子\n1\t山田 太郎\n",
        "席,氏名\n1,山田 太郎\n2,髙橋 花子\n",
        "ＩＤ,お名前,席番号,メール\nx,山田 太郎,１,a@example.jp\ny,髙橋 花子,２,\n",
        "Student Name;E-mail\n山田 太郎;a@b\n髙橋 花子;c@d\n",
        '"name"\n"山田 太郎"\n\n"髙橋 花子"\n,\n',
        "name,seat\n 山田 太郎 ,1\n髙橋 花子,2\n",
        "出席番号,受講生氏名\n2,髙橋 花子\n1,山田 太郎\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_names_are_read_in_every_form(tmp_path: Path, text: str, encoding: str) -> None:
    assert read(tmp_path, text.encode(encoding)) == YAMADA


def test_a_seat_may_stay_empty(tmp_path: Path) -> None:
    assert read(tmp_path, b"seat,name\n1,Ann\n2,\n5,Bob\n") == {1: "Ann", 5: "Bob"}


def test_a_quoted_name_keeps_its_comma(tmp_path: Path) -> None:
    assert read(tmp_path, b'1,"O\'Brien, Pat"\n') == {1: "O'Brien, Pat"}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no names"),
        (b"name\n", "no names"),
        (b"seat,name\nx,Ann\n", "line 2: 'x' is not a seat number"),
        (b"seat,name\n1,Ann\n1,Bob\n", "line 3: two students at seat 1"),
        (b"seat,name\n0,Ann\n", "line 2: seats are 1 to 500"),
        (b"501,Ann\n", "line 1: seats are 1 to 500"),
        (b"a,b,c\n1,2,3\n", "no column is called"),
        (b"name\nAnn\nM\xc3\xbcller, Hans\n", "line 3: it has more columns than the first line"),
        (b"Ann\nBo\x07b\n", "line 2: a name of at most 80"),
        (b"x" * 81, "line 1: a name of at most 80"),
        (b'1,"Ann\n', "not a CSV file"),
    ],
)
def test_a_wrong_list_is_told_with_the_line(tmp_path: Path, data: bytes, told: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        read(tmp_path, data)
    assert told in caught.value.cause
    assert "students.csv" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("data", [b"\x80\x81\xfd\xff\x00", b"\xff\xfe\x00\xd8"])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(WrongUsage, match="not a text file"):
        read(tmp_path, data)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="cannot be read"):
        read_students(tmp_path / "none.csv")
