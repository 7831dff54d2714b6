"""The file in which the board keeps what happened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from labctl.classroom import protocol
from labctl.classroom.curve import curve
from labctl.classroom.history import Change, History
from labctl.classroom.rows import CellState
from labctl.errors import WrongState

RIGHT, WRONG = CellState.RIGHT, CellState.WRONG


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def test_changes_outlive_the_process(path: Path) -> None:
    first = History(path)
    first.add([Change(1.5, 1, "dns", WRONG), Change(2.5, 1, "dns", RIGHT)])
    # Not closed, as if it was killed.
    again = History(path)
    assert again.changes() == [Change(1.5, 1, "dns", WRONG), Change(2.5, 1, "dns", RIGHT)]
    assert again.newest() == {(1, "dns"): Change(2.5, 1, "dns", RIGHT)}


@pytest.mark.posix
def test_only_its_owner_can_read_it(path: Path) -> None:
    History(path)
    assert path.stat().st_mode & 0o077 == 0


def test_the_last_note_counts(path: Path) -> None:
    kept = History(path)
    kept.note(1, "late")
    kept.note(2, "quick")
    kept.note(1, "")
    assert kept.notes() == {1: "", 2: "quick"}


def test_a_token_leads_to_its_owner_until_it_is_logged_out(path: Path) -> None:
    kept = History(path)
    one, other = kept.log_in(1), kept.log_in(2)
    assert (kept.owner(one), kept.owner(other), kept.owner("guess")) == (1, 2, None)
    assert History(path).owner(one) == 1
    kept.log_out(one)
    assert (kept.owner(one), kept.owner(other)) == (None, 2)


def test_who_has_an_old_code_must_log_in_again(path: Path) -> None:
    kept = History(path)
    kept.keep_logins({0: "old", 1: "one"})
    instructor, student = kept.log_in(0), kept.log_in(1)
    again = History(path)
    again.keep_logins({0: "old", 1: "one"})
    assert (again.owner(instructor), again.owner(student)) == (0, 1)
    again.keep_logins({0: "new", 1: "one"})
    assert (again.owner(instructor), again.owner(student)) == (None, 1)
    assert b"new" not in path.read_bytes()


def test_an_old_token_is_of_no_use(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LOGIN_SECONDS", -1)
    kept = History(path)
    assert kept.owner(kept.log_in(1)) is None


def test_the_newest_logins_of_each_owner_are_kept(path: Path) -> None:
    kept = History(path)
    other = kept.log_in(2)
    tokens = [kept.log_in(1) for _each in range(25)]
    assert [kept.owner(token) for token in tokens] == [None] * 5 + [1] * 20
    assert kept.owner(other) == 2


def test_a_login_looks_at_no_login_of_others(path: Path) -> None:
    kept = History(path)
    for query in (
        "delete from logins where ends < 5",
        "select rowid from logins where owner = 1 order by ends desc, rowid desc limit -1 offset 9",
    ):
        plan = str(kept._read(f"explain query plan {query}"))
        assert "INDEX" in plan and "SCAN" not in plan and "TEMP" not in plan


def test_no_token_is_in_the_file(path: Path) -> None:
    kept = History(path)
    token = kept.log_in(1)
    kept.close()
    assert token.encode() not in path.read_bytes()


def test_a_damaged_file_is_named(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(WrongState) as caught:
        History(path)
    assert str(path) in caught.value.message
    assert caught.value.cause == "the file is damaged or not an SQLite database"


def test_a_file_that_another_program_uses_stays(path: Path) -> None:
    kept = History(path)
    kept._file.execute("pragma busy_timeout = 0")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(WrongState) as caught:
        kept.note(1, "x")
    assert caught.value.cause == "another program uses the file"
    assert "move the file" not in str(caught.value.hint)


def test_a_full_disk_is_told(path: Path) -> None:
    kept = History(path)
    pages = kept._file.execute("pragma page_count").fetchone()[0]
    kept._file.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(WrongState) as caught:
        kept.note(1, "x" * 100_000)
    assert caught.value.cause == "a disk of this machine is full"


def test_the_curve_counts_right_sections_and_seats_that_are_done() -> None:
    changes = [
        Change(0.0, 1, "a", RIGHT),
        Change(100.0, 1, "b", RIGHT),
        Change(200.0, 2, "a", RIGHT),
        Change(300.0, 1, "a", WRONG),
    ]
    assert curve(changes, sections=2, seats=2).points == (
        (0.0, 1, 0),
        (100.0, 2, 1),
        (200.0, 3, 1),
        (300.0, 2, 0),
    )


def test_the_curve_begins_with_the_last_lesson() -> None:
    changes = [Change(0.0, 1, "a", RIGHT), Change(100_000.0, 1, "b", RIGHT)]
    assert curve(changes, sections=2, seats=1).points == ((100_000.0, 2, 1),)
