"""A list of students as a CSV file, as spreadsheets and course platforms write it."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from pathlib import Path

from labctl.classroom.roll import MOST_SEATS, person
from labctl.errors import WrongUsage
from labctl.i18n import _

# Titles of columns, in lower case and without blanks.
_SEAT_TITLES = frozenset(
    {
        "seat",
        "seatno",
        "no",
        "no.",
        "number",
        "席",
        "席番号",
        "座席",
        "座席番号",
        "番号",
        "出席番号",
    }
)
_NAME_TITLES = frozenset(
    {
        "name",
        "student",
        "studentname",
        "fullname",
        "名前",
        "氏名",
        "お名前",
        "受講者",
        "受講者名",
        "受講者氏名",
        "受講生",
        "受講生名",
        "受講生氏名",
        "学生",
        "学生名",
        "学生氏名",
        "生徒",
        "生徒名",
        "生徒氏名",
        "参加者",
        "参加者名",
        "参加者氏名",
    }
)
# A Japanese Excel writes cp932 as "CSV", and UTF-8 with a byte order mark as "CSV UTF-8".
_ENCODINGS = ("utf-8-sig", "cp932")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NUMBER = re.compile(r"s?0*([0-9]{1,3})")


def read_students(path: Path) -> dict[int, str]:
    """The students by the number of their seat.

    A file may have a line of titles (`seat,name` or 席,氏名) and other columns. Without titles it
    has one column of names, or a number and a name. Without numbers the seats are in the order of
    the lines.

    Raises:
        WrongUsage: The file cannot be read, or a line is wrong; it names the line.
    """
    rows = _rows(path)
    if not rows:
        raise _wrong(path, _("it contains no names"))
    seat_column, name_column, first = _columns(path, rows)
    found: dict[int, str] = {}
    for line, row in rows[first:]:
        place = _("line {line}", line=line)
        if first and any(row[len(rows[0][1]) :]):
            raise _wrong(path, f"{place}: " + _("it has more columns than the first line"))
        name = _name(path, place, _cell(row, name_column))
        if seat_column is None:
            number = len(found) + 1
        else:
            number = _seat(path, place, _cell(row, seat_column))
        if not 1 <= number <= MOST_SEATS:
            raise _wrong(path, f"{place}: " + _("seats are 1 to {last}", last=MOST_SEATS))
        if number in found:
            raise _wrong(path, f"{place}: " + _("two students at seat {number}", number=number))
        found[number] = name
    if not found:
        raise _wrong(path, _("it contains no names"))
    return {number: name for number, name in sorted(found.items()) if name}


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Each row that is not empty, with the number of its line."""
    text = _text(path)
    try:
        sample = text[:4096]
        delimiter = max(",\t;", key=sample.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise _wrong(path, _("it is not a CSV file")) from error
    return [(line, row) for line, row in rows if any(row)]


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WrongUsage(
            _("{path} cannot be read", path=path), cause=error.strerror or ""
        ) from error
    for encoding in ("utf-16",) if data.startswith(_UTF_16) else _ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise WrongUsage(
        _("{path} is not a text file", path=path),
        hint=_("save it as CSV in UTF-8 or Shift_JIS"),
    )


def _columns(path: Path, rows: list[tuple[int, list[str]]]) -> tuple[int | None, int, int]:
    """The columns of the seats (or None) and of the names, and the first row with a student."""
    titles = [_title(cell) for cell in rows[0][1]]
    name = next((at for at, title in enumerate(titles) if title in _NAME_TITLES), None)
    seat = next((at for at, title in enumerate(titles) if title in _SEAT_TITLES), None)
    if name is not None:
        return seat, name, 1
    width = max(len(row) for _line, row in rows)
    if seat is not None or width > 2:
        raise _wrong(
            path,
            _("no column is called {titles}", titles="name, 氏名"),
            _("name the columns in the first line: {example}", example="seat,name"),
        )
    return (None, 0, 0) if width == 1 else (0, 1, 0)


def _title(cell: str) -> str:
    return "".join(unicodedata.normalize("NFKC", cell).lower().split())


def _cell(row: list[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def _name(path: Path, place: str, cell: str) -> str:
    try:
        return person(cell)
    except ValueError as error:
        raise _wrong(path, f"{place}: {error}") from error


def _seat(path: Path, place: str, cell: str) -> int:
    found = _NUMBER.fullmatch(unicodedata.normalize("NFKC", cell).lower())
    if found is None:
        text = _("{value} is not a seat number", value=repr(cell))
        raise _wrong(path, f"{place}: {text}")
    return int(found[1])


def _wrong(path: Path, cause: str, hint: str = "") -> WrongUsage:
    return WrongUsage(
        _("the list of students {path} is wrong", path=path),
        cause=cause,
        hint=hint or _("one line for each student: {example}", example="1,山田 太郎"),
    )
