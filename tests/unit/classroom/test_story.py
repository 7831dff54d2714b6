"""The whole course on labs in memory, by the commands of an instructor."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from labctl.classroom.board_lock import held_by_board
from labctl.classroom.codes import load_codes
from labctl.classroom.hints import hint_of_class
from labctl.classroom.history import Change, History, history_file
from labctl.classroom.roll import Roll, class_folder, class_names, open_class, open_seat
from labctl.classroom.rows import CellState
from labctl.cli import commands as commands_of_labctl
from labctl.cli.app import run
from labctl.errors import LabError
from labctl.health import warning
from labctl.hint import commands
from labctl.home import lab_home, lab_names
from labctl.lock import locked
from labctl.progress import Progress, silent
from labctl.providers import registry
from labctl.providers.base import Copier
from tests.fakes.classroom import InClass, MemoryClass, memory_class
from tests.fakes.lab import path_of

# `labctl class` has many commands, and a process builds them once.
_BUILT = cache(commands_of_labctl._built)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MemoryClass:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands_of_labctl, "_built", _BUILT)
    return memory_class(monkeypatch, seats=3, until="dns")


class Shell:
    """Commands of labctl in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def __call__(self, line: str | Sequence[str], code: int = 0) -> str:
        words = line.split() if isinstance(line, str) else line
        self._capsys.readouterr()
        found = run(words)
        out, self.err = self._capsys.readouterr()
        assert found == code, f"{words}\n{out}\n{self.err}"
        return out

    def json(self, line: str, code: int = 0) -> Any:
        document = json.loads(self(f"{line} --json", code))
        assert document["ok"] == (code == 0)
        return document["data"]


@pytest.fixture
def sh(capsys: pytest.CaptureFixture[str], _signals: None) -> Shell:
    return Shell(capsys)


def files(room: MemoryClass, seat: int) -> set[str]:
    return set(room.world(seat).hosts["host1"].files)


def test_a_class_comes_up_where_it_begins(room: MemoryClass, sh: Shell) -> None:
    told = sh.json("class up")
    assert [seat["complete"] for seat in told["seats"]] == ["dns"] * 3
    assert [seat["lab"] for seat in told["seats"]] == ["mail-s01", "mail-s02", "mail-s03"]
    for seat in (1, 2, 3):
        assert path_of("dns") in files(room, seat)
        assert path_of("postfix") not in files(room, seat)
    assert sh("class up") != ""
    assert sh.json("class status")["seats"][0]["state"] == "running"


def test_up_never_changes_the_work_of_a_student(room: MemoryClass, sh: Shell) -> None:
    sh("class up")
    host = room.world(2).hosts["host1"]
    kept = dict(host.files)
    del kept[path_of("dns")]
    host.files = dict(kept)
    sh("class down")
    assert not host.running
    sh("class up")
    assert host.running and host.files == kept


def test_one_broken_seat_stops_no_other_and_is_continued(room: MemoryClass, sh: Shell) -> None:
    room.world(2).fail("start", LabError("host1 did not boot", cause="kernel panic"))
    out = sh("class up", code=1)
    assert "2 of 3" in out and "s02" in out and "kernel panic" in out
    assert "labctl class up" in out
    states = [each["state"] for each in sh.json("class status")["seats"]]
    assert states == ["running", "begun", "running"]
    sh("class up")
    assert [each["state"] for each in sh.json("class status")["seats"]] == ["running"] * 3


def test_seats_are_reset_undone_and_graded(room: MemoryClass, sh: Shell, tmp_path: Path) -> None:
    sh("class up")
    grades = sh.json("class check", code=1)
    assert [each["right"] for each in grades["seats"]] == [False] * 3
    assert next(iter(grades["steps"])) == "dns"
    sh("up --name mail-s02")
    assert "1 of 3" in sh("class check", code=1)
    book, junit = tmp_path / "grades.csv", tmp_path / "grades.xml"
    sh(f"class check 2-3 --csv {book} --junit {junit}", code=1)
    rows = list(csv.reader(book.read_text("utf-8-sig").splitlines()))
    assert [row[0] for row in rows] == ["seat", "s02", "s03"]
    assert rows[1][2:-1] == ["ok"] * 10 + ["10", "10"]
    suite = ElementTree.parse(junit).getroot()[0]
    assert {case.get("classname") for case in suite} == {
        f"mail-s0{seat}.host{host}" for seat in (2, 3) for host in (1, 2)
    }
    whole = files(room, 2)
    assert "3 seats" in sh("class reset --all --yes")
    assert files(room, 2) != whole
    assert sh.json("class undo 2 --yes")["seats"][0]["checkpoint"].startswith("before-reset")
    assert files(room, 2) == whole


def test_a_second_undo_says_that_it_takes_the_first_one_back(room: MemoryClass, sh: Shell) -> None:
    sh("class up")
    whole = files(room, 2)
    sh("class reset 2 3 --to os --yes")
    bare = files(room, 2)
    first = sh("class undo 2 --yes")
    assert "1 seat is back in the state before its reset" in first
    assert "labctl class undo 2" in first
    assert files(room, 2) == whole
    second = sh("class undo 2 3 --yes")
    assert "1 seat is back in the state before its reset" in second
    assert "this reverted the last undo: s02" in second
    assert files(room, 2) == bare
    (seat,) = sh.json("class undo 2 --yes")["seats"]
    assert seat["checkpoint"].startswith("before-undo")


def test_lost_passwords_of_a_seat_are_made_anew_by_the_next_up(
    room: MemoryClass, sh: Shell
) -> None:
    sh("class up")
    sh("up --name mail-s02")
    seat = open_seat(room.roll, room.roll.seat(2))
    before = seat.credentials
    seat.home.credentials_file.unlink()
    out = sh("class check 2", code=1)
    assert "the passwords of the lab mail-s02 are not known" in out and "labctl class up" in out
    # Only the step that sets them is applied: what else a student changed stays.
    for step in ("accounts", "postfix"):
        del room.world(2).hosts["host1"].files[path_of(step)]
    sh("class up")
    assert seat.credentials != before
    assert path_of("accounts") in files(room, 2)
    assert path_of("postfix") not in files(room, 2)


MUCH = replace(
    warning("disk-budget", "the files are 9 GiB", "8 GiB are allowed", commands("labctl status")),
    measured={"used": 9 * 1024**3, "allowed": 8 * 1024**3},
)


def test_status_tells_which_seat_takes_too_much_disk_and_what_helps(
    room: MemoryClass, sh: Shell
) -> None:
    sh("class up")
    room.world(2).disk = MUCH
    out = sh("class status")
    told = out[out.index("! s02") :]
    assert "the files are 9 GiB; 8 GiB are allowed" in told
    assert "labctl status --name mail-s02" in told
    seats = sh.json("class status")["seats"]
    assert [seat["over_budget"] for seat in seats] == [False, True, False]
    much = {"used": 9 * 1024**3, "allowed": 8 * 1024**3}
    assert [seat["disk"] for seat in seats] == [None, much, None]


def test_a_seat_that_does_not_run_is_told_with_the_command_of_the_class(
    room: MemoryClass, sh: Shell
) -> None:
    sh("class up")
    sh("class down 2")
    out = sh("class check 2", code=1)
    assert "labctl class up" in out and "labctl up" not in out
    # No table without a column.
    assert "student" not in out
    (seat,) = sh.json("class check 2", code=1)["seats"]
    assert seat["error"]["commands"] == [["labctl", "class", "up", "s02"]]


@pytest.mark.parametrize("words", ["", " -- true"])
def test_a_shell_on_a_seat_that_does_not_run_names_the_command_of_the_class(
    room: MemoryClass, sh: Shell, words: str
) -> None:
    sh("class up")
    sh("class down 2")
    sh(f"class enter 2 host1{words}", code=4)
    assert "labctl class up" in sh.err and "labctl up" not in sh.err


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_a_shell_on_a_seat_needs_no_ssh(
    room: MemoryClass, sh: Shell, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    sh("class up")
    started: list[tuple[str, ...]] = []

    def started_by(argv: Sequence[str]) -> int:
        started.append(tuple(argv))
        return 7

    # Other systems have no terminals for it, or no setsid(1).
    ours, others = "relay.relayed", "run.interactive"
    used, unused = (ours, others) if system == "linux" else (others, ours)
    monkeypatch.setattr(f"labctl.{used}", started_by)
    monkeypatch.setattr(f"labctl.{unused}", None)
    monkeypatch.setattr(sys, "platform", system)
    sh("class enter 2 host1", code=7)
    seat = open_seat(room.roll, room.roll.seat(2))
    assert started == [seat.provider.login("host1", "ubuntu")]
    sh("class enter 1-2 host1", code=2)
    sh("class enter 2 host9", code=2)


class OnTwoMachines(InClass):
    """The provider in memory, with a machine to which seat 2 cannot be moved."""

    def move(self, _to: str, _progress: Progress = silent) -> bool:
        if self._lab.name == "mail-s02":
            raise LabError("the member is busy")
        return True


def arm(room: MemoryClass, sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever comes next fail at seat 2 and succeed at the others."""
    sh("class up")
    sh("class reset 1-3 --yes")
    for seat in (1, 3):
        # Only a correct lab can have a drill, and the provider in memory makes no keys.
        sh(f"up --name {room.roll.seat(seat).lab_name}")
        room.world(seat).hosts["host1"].says("systemctl", "stop", "postfix")
        home = open_seat(room.roll, room.roll.seat(seat)).home
        for file in (home.key_file, home.known_hosts):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("", encoding="utf-8")
    for call in ("start", "halt", "set_net", "restore", "destroy"):
        room.world(2).fail(call, LabError("the disk is broken"))
    monkeypatch.setitem(registry._PROVIDERS, "fake", f"{__name__}:OnTwoMachines")


@pytest.mark.parametrize(
    ("line", "again"),
    [
        ("up", "up s02"),
        ("up 2-3", "up s02"),
        ("down", "down s02"),
        ("net open", "net open s02"),
        ("net close 1 2", "net close s02"),
        ("reset --all --yes", "reset s02"),
        ("reset 2 3 --to os --yes", "reset s02 --to os"),
        ("undo 1-3 --yes", "undo s02"),
        ("move 1-3 --to m2", "move s02 --to m2"),
        ("drill start postfix-stopped", "drill start postfix-stopped s02"),
        ("keys", "keys s02"),
        (
            "keys 2-3 --port 30000 --server lab.example -o out",
            "keys s02 --output out --server lab.example --port 30000",
        ),
        ("destroy --yes", "destroy"),
        ("destroy --forget --yes", "destroy --forget"),
        ("end --yes", "end"),
    ],
)
def test_what_failed_at_a_seat_is_tried_again_at_that_seat_with_the_same_options(
    room: MemoryClass, sh: Shell, monkeypatch: pytest.MonkeyPatch, line: str, again: str
) -> None:
    arm(room, sh, monkeypatch)
    out = sh(f"class {line}", code=1)
    assert "✗ s02" in out
    assert out.splitlines()[-2:] == [
        "next: this tries it again where it failed",
        f"  labctl class {again}",
    ]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("up", "complete"),
        ("down", "existed"),
        ("net open", "open"),
        ("reset --all --yes", "checkpoint kept_as"),
        ("undo 1-3 --yes", "checkpoint kept_as"),
        ("move 1-3 --to m2", "changed"),
        ("drill start postfix-stopped", "drill symptom"),
        ("keys", "files"),
        ("destroy --yes", "existed"),
        ("end --yes", "existed"),
    ],
)
def test_a_seat_that_failed_is_in_the_document_with_the_others(
    room: MemoryClass, sh: Shell, monkeypatch: pytest.MonkeyPatch, line: str, fields: str
) -> None:
    arm(room, sh, monkeypatch)
    one, two, three = sh.json(f"class {line}", code=1)["seats"]
    assert set(fields.split()) == set(one) - set(two) == set(three) - set(two)
    assert [each["ok"] for each in (one, two, three)] == [True, False, True]
    assert one["error"] is three["error"] is None
    assert set(two["error"]) >= {"exit_code", "message", "cause", "hint", "commands"}


@pytest.mark.parametrize(
    ("line", "fields"),
    [("status", "state complete drill disk over_budget"), ("check", "right reports")],
)
def test_a_seat_that_cannot_be_read_is_in_the_document_with_the_others(
    room: MemoryClass, sh: Shell, line: str, fields: str
) -> None:
    sh("class up")
    open_seat(room.roll, room.roll.seat(2)).home.state_file.write_text("{", encoding="utf-8")
    one, two, _three = sh.json(f"class {line}", code=1)["seats"]
    assert set(fields.split()) == set(one) - set(two)
    assert two["error"]["exit_code"] == 4


@pytest.mark.parametrize(("seats", "up"), [("", "up"), (" 3", "up 3"), (" 1-2", "up 1-2")])
def test_what_starts_stopped_seats_again_starts_no_others(
    room: MemoryClass, sh: Shell, seats: str, up: str
) -> None:
    sh("class up")
    assert sh(f"class down{seats}").splitlines()[-1] == f"  labctl class {up}"


@pytest.mark.parametrize(("seats", "up"), [("2", "up s02"), ("1-2", "up s01 s02"), ("1-3", "up")])
def test_seats_that_do_not_run_are_told_with_the_command_that_starts_only_those(
    room: MemoryClass, seats: str, up: str
) -> None:
    hint = hint_of_class(commands("labctl up --until dns"), room.roll, room.roll.chosen([seats]))
    assert hint == commands(f"labctl class {up}")


def test_a_wrong_request_is_not_tried_again(room: MemoryClass, sh: Shell) -> None:
    sh("class up 1")
    out = sh("class move 1 --to m2", code=1)
    assert "cannot be moved" in out and "next" not in out


def test_an_undo_without_a_reset_is_not_offered_again(room: MemoryClass, sh: Shell) -> None:
    sh("class up")
    out = sh("class undo 2 --yes", 1)
    assert "there is no reset to undo" in out and "labctl class undo" not in out


def test_a_seat_that_is_not_there_is_told_with_those_that_are(room: MemoryClass, sh: Shell) -> None:
    sh("class status s99", 2)
    assert "there is no seat 99 in the class mail" in sh.err
    assert "seats: 1 to 3; several: 1-3" in sh.err


def test_the_net_of_some_seats_is_closed(room: MemoryClass, sh: Shell) -> None:
    sh("class up")
    assert [each["open"] for each in sh.json("class net close 1 3")["seats"]] == [False, False]
    assert [room.world(seat).net_open for seat in (1, 2, 3)] == [False, True, False]
    sh("class net open")
    assert [room.world(seat).net_open for seat in (1, 2, 3)] == [True] * 3


def test_a_drill_needs_correct_labs(room: MemoryClass, sh: Shell) -> None:
    sh("class up")
    assert "s01, s02, s03" in sh("class drill start postfix-stopped", code=1)
    sh("up --name mail-s01")
    room.world(1).hosts["host1"].says("systemctl", "stop", "postfix")
    out = sh("class drill start postfix-stopped 1")
    assert "cannot connect" in out
    assert sh.json("class status 1")["seats"][0]["drill"] == "postfix-stopped"


def test_cards_have_every_code_and_no_other_origin(
    room: MemoryClass, sh: Shell, tmp_path: Path
) -> None:
    text = room.roll.file.read_text("utf-8").replace("[students]", '[students]\n2 = "<b>山田"')
    room.roll.file.write_text(text, encoding="utf-8")
    sh("class cards --url https://board.example:8443/")
    path = tmp_path / "mail-cards.html"
    page = path.read_text("utf-8")
    roll = open_class()
    codes = load_codes(roll)
    for code in (codes.instructor, *(codes.of_seat(seat.number) for seat in roll.seats)):
        assert page.count(code) == 1
    assert "&lt;b&gt;山田" in page and "<b>山田" not in page
    assert page.count("https://") == len(roll.seats) + 1
    assert "<script" not in page
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o077 == 0


def test_cards_tell_the_ports_of_ssh_only_if_asked(
    room: MemoryClass, sh: Shell, tmp_path: Path
) -> None:
    path = tmp_path / "mail-cards.html"
    sh("class cards --url https://board.example:8443/")
    # A code may contain the letters ssh.
    assert "ssh -p" not in path.read_text("utf-8")
    sh("class cards --url https://board.example:8443/ --ssh-port 22000")
    page = path.read_text("utf-8")
    for port, user in ((22011, "user1"), (22012, "user2"), (22031, "user1")):
        assert f"ssh -p {port} {user}@board.example<" in page


def test_cards_say_where_they_lead_and_lead_to_a_page(
    room: MemoryClass, sh: Shell, tmp_path: Path
) -> None:
    out = sh("class cards --url http://192.0.2.1:8443/")
    assert "students open http://192.0.2.1:8443/" in " ".join(out.split())
    assert "students open https://" in " ".join(sh("class cards").split())
    before = (tmp_path / "mail-cards.html").read_text("utf-8")
    for url in ("server.example:8443", "server.example", "https://", "ftp://a/", "http://a:99999/"):
        sh(["class", "cards", "--new-codes", "--url", url], code=2)
        assert "--url" in sh.err and repr(url) in sh.err
    assert (tmp_path / "mail-cards.html").read_text("utf-8") == before
    assert load_codes(room.roll).instructor in before


def test_new_codes_are_on_the_new_cards(room: MemoryClass, sh: Shell, tmp_path: Path) -> None:
    old = load_codes(room.roll).by_owner()
    sh("class cards --new-codes")
    page = (tmp_path / "mail-cards.html").read_text("utf-8")
    new = load_codes(room.roll).by_owner()
    assert all(code in page for code in new.values())
    assert not any(code in page for code in old.values())


def test_the_next_group_finds_nothing_of_the_last_one(room: MemoryClass, sh: Shell) -> None:
    text = room.roll.file.read_text("utf-8").replace("[students]", '[students]\n1 = "山田"')
    room.roll.file.write_text(text, encoding="utf-8")
    sh("class up")
    old = load_codes(room.roll).by_owner()
    history = History(history_file(room.roll))
    history.note(1, "late")
    token = history.log_in(1)
    history.add([Change(1.5, 1, "dns", CellState.RIGHT)])
    history.close()
    seats = sh.json("class destroy --forget --yes")["seats"]
    assert [each["existed"] for each in seats] == [True] * 3
    assert lab_names() == [] and open_class() == room.roll
    assert not set(old.values()) & set(load_codes(room.roll).by_owner().values())
    again = History(history_file(room.roll))
    assert (again.notes(), again.changes(), again.owner(token)) == ({}, [], None)
    again.close()


@pytest.mark.skipif(sys.platform == "win32", reason="the board needs Linux")
def test_nothing_is_forgotten_while_the_board_runs(room: MemoryClass, sh: Shell) -> None:
    codes = load_codes(room.roll)
    with held_by_board(room.roll):
        sh("class destroy --forget --yes", code=4)
        assert "the board of the class mail is running" in sh.err
        assert load_codes(room.roll) == codes
        sh("class destroy --yes")


def test_destroy_keeps_the_class_and_end_leaves_nothing(room: MemoryClass, sh: Shell) -> None:
    sh("class up")
    seats = sh.json("class destroy --yes")["seats"]
    assert [each["existed"] for each in seats] == [True] * 3
    assert lab_names() == [] and class_names() == ["mail"]
    sh("class destroy --yes")
    sh("class up 1")
    sh("class end --yes")
    assert (lab_names(), class_names()) == ([], [])
    assert not room.roll.folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the board needs Linux")
def test_end_refuses_while_the_board_runs(room: MemoryClass, sh: Shell) -> None:
    sh("class up 1")
    with held_by_board(room.roll):
        sh("class end --yes", code=4)
        assert "the board of the class mail is running" in sh.err
    assert (lab_names(), class_names()) != ([], [])
    sh("class end --yes")
    assert (lab_names(), class_names()) == ([], [])


def test_end_removes_the_names_even_if_a_lab_stays(room: MemoryClass, sh: Shell) -> None:
    text = room.roll.file.read_text("utf-8").replace("[students]", '[students]\n1 = "山田"')
    room.roll.file.write_text(text, encoding="utf-8")
    sh("class up 1")
    room.world(1).fail("destroy", LabError("a mount is busy"))
    assert "a mount is busy" in sh("class end --yes", code=1)
    assert "山田" not in room.roll.file.read_text("utf-8")
    sh("class end --yes")
    assert class_names() == []


def hand_out_cards_and_keys(room: MemoryClass, sh: Shell) -> None:
    sh("class cards")
    for seat in room.roll.seats:
        home = open_seat(room.roll, seat).home
        for file in (home.key_file, home.known_hosts):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("", encoding="utf-8")
    sh("class keys")


def test_end_names_the_cards_and_keys_that_it_leaves(
    room: MemoryClass, sh: Shell, tmp_path: Path
) -> None:
    sh("class up")
    hand_out_cards_and_keys(room, sh)
    sh("class cards --output gone.html")
    (tmp_path / "gone.html").unlink()
    out = sh("class end --yes")
    assert "labs, names, codes and history are removed" in out
    assert out.splitlines()[-2:] == [
        f"  {tmp_path / 'mail-cards.html'}",
        f"  {tmp_path / 'mail-keys'}",
    ]
    assert class_names() == []


def test_end_that_leaves_nothing_names_nothing(room: MemoryClass, sh: Shell) -> None:
    sh("class up 1")
    assert len(sh("class end --yes").splitlines()) == 1


def test_end_tells_the_files_that_it_leaves_in_json(
    room: MemoryClass, sh: Shell, tmp_path: Path
) -> None:
    sh("class cards --output cards.html")
    assert sh.json("class end --yes")["left"] == [str(tmp_path / "cards.html")]


@pytest.mark.parametrize("noted", ["{", "{}", "[1]"])
def test_a_damaged_note_of_what_was_handed_out_keeps_no_class(
    room: MemoryClass, sh: Shell, noted: str
) -> None:
    (room.roll.folder / "handed-out.json").write_text(noted, encoding="utf-8")
    assert sh.json("class end --yes")["left"] == []
    assert class_names() == []


@pytest.mark.parametrize("line", ["destroy --yes", "end --yes"])
@pytest.mark.parametrize("error", [LabError("a mount is busy"), OSError(28, "No space left")])
def test_a_model_that_cannot_be_removed_hides_no_seat(
    room: MemoryClass, sh: Shell, line: str, error: Exception
) -> None:
    sh("class up")
    room.worlds["mail-model"].fail("destroy", error)
    out = sh(f"class {line}", code=1)
    assert "✗ mail-model" in out and "s01" not in out
    assert out.splitlines()[-1] == f"  labctl class {line.removesuffix(' --yes')}"
    assert lab_names() == ["mail-model"] and class_names() == ["mail"]
    sh(f"class {line}")
    assert lab_names() == []


def test_a_model_that_cannot_be_removed_is_told_in_json(room: MemoryClass, sh: Shell) -> None:
    sh("class up")
    with locked(lab_home("mail-model")):
        told = sh.json("class destroy --yes", code=1)
    assert [seat["ok"] for seat in told["seats"]] == [True] * 3
    assert told["model"] == "mail-model" and told["model_error"]["exit_code"] == 4
    assert sh.json("class destroy --yes")["model_error"] is None


def lose_lab_file(room: MemoryClass) -> None:
    room.roll.lab_file.unlink()


def break_lab_file(room: MemoryClass) -> None:
    room.roll.lab_file.write_text("colour = 1\n", encoding="utf-8")


def break_class_file(room: MemoryClass) -> None:
    room.roll.file.write_text('seats = 3\nuntil = \n[students]\n1 = "山田"\n', encoding="utf-8")


@pytest.mark.parametrize("harm", [lose_lab_file, break_lab_file, break_class_file])
def test_a_class_with_a_wrong_file_is_stopped_and_removed(
    room: MemoryClass, sh: Shell, harm: Callable[[MemoryClass], None]
) -> None:
    sh("class up")
    harm(room)
    sh("class status", 2)
    told = sh.json("class down")
    assert [each["existed"] for each in told["seats"]] == [True] * 3
    assert not any(room.world(seat).hosts["host1"].running for seat in (1, 2, 3))
    assert len(sh.json("class destroy --yes")["seats"]) == 3
    assert lab_names() == [] and class_names() == ["mail"]
    sh("class down")
    sh("class end --yes")
    assert class_names() == [] and not room.roll.folder.exists()


def test_end_removes_the_names_of_a_wrong_class_file_even_if_a_lab_stays(
    room: MemoryClass, sh: Shell
) -> None:
    sh("class up")
    break_class_file(room)
    room.world(1).fail("destroy", LabError("a mount is busy"))
    sh("class end --yes", code=1)
    assert "山田" not in room.roll.file.read_text("utf-8")
    assert len(open_class("mail").seats) == 3


def test_a_lab_file_that_is_gone_is_told_with_the_commands_of_the_class(
    room: MemoryClass, sh: Shell
) -> None:
    lose_lab_file(room)
    for line in ("status", "up", "check"):
        sh(f"class {line}", 2)
        assert str(room.roll.file) in sh.err
        assert "labctl class destroy" in sh.err and "labctl class end" in sh.err
        assert "labctl destroy" not in sh.err and "--lab" not in sh.err
    sh("class init other --seats 3 --lab nowhere.toml", 2)
    assert "--lab" in sh.err and "destroy" not in sh.err


def test_what_mends_the_model_is_not_offered_for_another_lab(room: MemoryClass, sh: Shell) -> None:
    hint = commands("labctl destroy", "labctl up")
    room.worlds["mail-model"].fail("create", LabError("a layer is damaged", hint=hint))
    sh("class up", 1)
    assert "labctl destroy --name mail-model" in sh.err and "labctl class up" in sh.err


def test_seats_that_the_class_no_longer_has_are_removed_too(room: MemoryClass, sh: Shell) -> None:
    sh("class up")
    room.roll.file.write_text(room.roll.file.read_text().replace("seats = 3", "seats = 1"))
    assert [each["seat"] for each in sh.json("class destroy --yes")["seats"]] == [1, 2, 3]
    assert lab_names() == []


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("class up 9", 2, "no seat 9"),
        ("class reset", 2, "which seats"),
        ("class reset 1 --all", 2, "cannot be combined"),
        ("class reset 1 --to nowhere --yes", 2, "no step 'nowhere'"),
        ("class check --step nowhere", 2, "nowhere"),
        ("class drill start nothing", 2, "nothing"),
        ("class enter 1-2 host1", 2, "name one seat"),
        ("class enter 1 host1", 4, "s01"),
        ("class net close 1", 1, "never created"),
        ("class move 1 --to m2", 1, "never created"),
        ("class reset 1", 2, "--yes"),
        ("class end", 2, "--yes"),
        ("class destroy", 2, "--yes"),
        ("class status --class other", 4, "no class other"),
        ("class init mail --seats 3", 4, "already a class"),
        ("class init other", 2, "how many seats"),
        ("class init other --seats 3 --edition none", 2, "none"),
        ("class init other --seats 3 --until none", 2, "no step 'none'"),
        ("class init other --seats 3 --edition ubuntu --lab x.toml", 2, "cannot be combined"),
        ("class init other --seats 3 --lab x.toml", 2, "x.toml"),
    ],
)
def test_what_cannot_be_done_is_told(
    room: MemoryClass, sh: Shell, line: str, code: int, told: str
) -> None:
    out = sh(line, code)
    assert told in out + sh.err
    assert class_names() == ["mail"]
    assert "wrong class file" not in sh.err
    assert [path.name for path in class_folder("mail").parent.iterdir()] == ["mail"]


def test_init_writes_the_class_once(room: MemoryClass, sh: Shell, tmp_path: Path) -> None:
    students = tmp_path / "list.csv"
    students.write_text("山田 太郎\n佐藤 花子\n", encoding="cp932")
    words = f"class init two --students {students} --until dns --edition almalinux"
    told = sh.json(words)
    assert [each["student"] for each in told["seats"]] == ["山田 太郎", "佐藤 花子"]
    assert sh.json(words) == told
    roll = open_class("two")
    assert (roll.until, len(roll.seats)) == ("dns", 2)
    assert 'edition = "almalinux"' in roll.lab_file.read_text()
    sh(f"class init six --seats 1 --students {students}", 2)
    assert "more students" in sh.err
    assert f"labctl class init six --seats 2 --students {students}" in sh.err


def test_a_class_on_a_server_names_it_in_its_lab_file(room: MemoryClass, sh: Shell) -> None:
    sh("class init far --seats 300 --remote classroom")
    roll = open_class("far")
    assert roll.seats[-1].lab_name == "far-s300"
    text = roll.lab_file.read_text(encoding="utf-8")
    assert text.endswith('provider = "incus"\nremote = "classroom"\n')
    sh("class init far --seats 300 --remote classroom")
    sh("class init far --seats 300 --remote another", 4)
    assert "already a class far" in sh.err
    sh("class init wrong --seats 3 --remote=-x", 2)
    assert "remote" in sh.err
    sh(f"class init wrong --seats 3 --remote classroom --lab {roll.lab_file}", 2)
    assert "--remote and --lab" in sh.err


def test_a_class_does_not_take_over_labs_that_are_there(room: MemoryClass, sh: Shell) -> None:
    sh(f"up --name two-s01 --lab {room.roll.lab_file}")
    sh("class init two --seats 3", 4)
    assert "two-s01" in sh.err


def test_the_provider_of_these_tests_cannot_copy(room: MemoryClass) -> None:
    """What is tested here is what works with any provider."""
    roll: Roll = room.roll
    assert not isinstance(open_seat(roll, roll.seat(1)).provider, Copier)
