"""What the pages say, in both languages, and what they must not say."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from html import unescape
from pathlib import Path

import pytest
from pydantic import ValidationError

import labctl.board
from labctl.board.pages import ago
from labctl.board.picture import picture_of
from labctl.board.security import is_same_origin
from labctl.classroom import actions, disks
from labctl.classroom.protocol import Curve, refusal
from labctl.health import warning
from labctl.i18n import speaking
from tests.fakes.board import Browser
from tests.fakes.lab import path_of
from tests.unit.board.conftest import STUDENTS, Place, logged_in, wait_for

FOLDER = Path(labctl.board.__file__).parent


def test_the_board_shows_every_seat_and_section(teacher: Browser) -> None:
    text = teacher.get("/board")[1]
    assert STUDENTS[1] in text
    assert [text.count(f'id="seat-{number}"') for number in (1, 2, 3)] == [1, 1, 1]
    assert text.count("✓") >= 20 and "is not running" in text


def test_a_name_is_text_and_never_markup(teacher: Browser) -> None:
    text = teacher.get("/board")[1]
    assert "<b>Taro</b>" not in text and "&lt;b&gt;Taro&lt;/b&gt;" in text


def test_pages_and_events_tell_the_time_of_the_server(student: Browser) -> None:
    found = re.search(r'<html [^>]*data-now="([0-9.]+)"', student.get("/me")[1])
    assert found is not None and abs(float(found[1]) - time.time()) < 60
    with events_of(student, "/me/events") as stream:
        first = stream.readline()
        told = float(stream.readline().removeprefix(b"data: "))
    assert first == b"event: now\n" and abs(told - time.time()) < 60


@contextmanager
def events_of(browser: Browser, path: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", browser.board.port, timeout=20)
    connection.request("GET", path, headers={"Cookie": browser.cookie})
    with closing(connection), connection.getresponse() as stream:
        yield stream


def test_a_seat_that_cannot_be_graded_is_not_stuck(fresh: Place) -> None:
    files = fresh.room.world(1).hosts["host1"].files
    del files[path_of("postfix")]
    wait_for(lambda: bool(fresh.board.collector.row(1).at))
    teacher = logged_in(fresh.board, fresh.board.codes.instructor)
    assert since_of(1, teacher) > 0
    fresh.room.world(1).hosts["host1"].running = False
    wait_for(lambda: bool(fresh.board.collector.row(1).problem))
    assert since_of(1, teacher) == 0


def since_of(seat: int, browser: Browser) -> int:
    """What the filter of the board takes as the time since when the seat is at its section."""
    found = re.search(rf'id="seat-{seat}"[^>]* data-since="(\d+)"', browser.get("/board")[1])
    assert found is not None
    return int(found[1])


PART = {"X-Part": "1", "Accept-Language": "en"}


def test_every_refusal_is_a_sentence(nobody: Browser, student: Browser, teacher: Browser) -> None:
    for browser, path, status, said in (
        (nobody, "/seats/1/check", 401, "log in first"),
        (student, "/seats/1/reset", 403, "that is for the instructor only"),
        (teacher, "/seats/1/nothing", 400, "The request is wrong."),
        (teacher, "/nothing", 404, "there is no such page"),
    ):
        headers = {"Origin": browser.board.origin, **PART}
        assert browser._ask("POST", path, "", headers)[:2] == (status, said), path
    with pytest.raises(ValidationError):
        refusal("failed", {})


def test_a_check_is_not_called_done(student: Browser) -> None:
    headers = {"Origin": student.board.origin, **PART}
    assert student._ask("POST", "/seats/1/check", "", headers)[:2] == (
        200,
        "the seat is being checked",
    )


def test_the_projector_shows_no_name_in_any_byte(teacher: Browser) -> None:
    teacher.post("/seats/1/note", text="was late")
    text = teacher.get("/projector")[1]
    assert "山田" not in text and "Taro" not in text and "was late" not in text
    assert text.count("✓") == 20
    teacher.post("/seats/1/note", text="")


def test_a_seat_that_takes_too_much_disk_is_marked(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "_MEASURE_SECONDS", 0.0)
    monkeypatch.setattr(disks, "_REST", 0.0)
    fresh.room.world(1).disk = warning("disk-budget", "9230 MiB <of> files", "8192 MiB", "")
    fresh.board.collector.look_again(1)
    wait_for(lambda: bool(fresh.board.collector.row(1).disk))
    teacher = logged_in(fresh.board, fresh.board.codes.instructor)
    student = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    shown = "9230 MiB &lt;of&gt; files; 8192 MiB"
    assert teacher.get("/board")[1].count("much disk") == 1
    assert shown in teacher.get("/seats/1")[1] and shown in student.get("/me")[1]
    assert "MiB" not in teacher.get("/projector")[1]


def test_a_note_is_shown_to_the_instructor_only(teacher: Browser, student: Browser) -> None:
    assert teacher.post("/seats/1/note", text="ask about DNS")[0] == 303
    assert "ask about DNS" in teacher.get("/board")[1]
    assert "ask about DNS" not in student.get("/me")[1]
    teacher.post("/seats/1/note", text="")


@pytest.mark.parametrize(("lang", "word"), [("ja", "正しい"), ("en", "right")])
def test_the_page_speaks_the_language_of_the_browser(
    teacher: Browser, lang: str, word: str
) -> None:
    teacher.cookies.pop("labctl-language", None)
    status, text, _headers = teacher.get("/board", **{"Accept-Language": f"{lang}-XX,fr"})
    assert status == 200
    assert f'<html lang="{lang}" ' in text and word in text


def test_a_chosen_language_stays(teacher: Browser) -> None:
    status, _text, headers = teacher.post("/language", language="ja", path="/board")
    assert (status, headers["Location"]) == (303, "/board")
    assert '<html lang="ja" ' in teacher.get("/board")[1]


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example"])
def test_the_language_leads_to_a_page_of_this_server_only(teacher: Browser, path: str) -> None:
    assert teacher.post("/language", language="ja", path=path)[2]["Location"] == "/"


def test_pages_name_no_other_server_and_hold_no_script_or_style(
    teacher: Browser, student: Browser
) -> None:
    paths = ("/board", "/projector", "/seats/1", "/login")
    for status, text, _headers in [*(teacher.get(path) for path in paths), student.get("/me")]:
        assert status == 200
        assert not re.search(r"(src|href|action)=\"(https?:)?//", text)
        assert not re.search(r"<style|style=|\son[a-z]+=|<script(?![^>]*src=)", text)


def test_every_file_that_a_page_names_is_there(student: Browser) -> None:
    text = student.get("/me")[1]
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert len(files) == 4
    for path in files:
        status, _text, headers = student.get(path)
        assert (status, headers["X-Content-Type-Options"]) == (200, "nosniff")


def test_a_file_outside_of_the_folder_is_not_given(nobody: Browser) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/xterm/README.md"):
        assert nobody.get(path)[0] == 404


def test_a_lost_connection_is_announced(student: Browser) -> None:
    # The region is always there: a screen reader notices what changes in it.
    shown = r'<div role="status"><span [^>]*data-connection hidden>'
    assert re.search(shown, student.get("/me")[1])


def test_what_is_vendored_has_its_licence_and_versions() -> None:
    folder = FOLDER / "static" / "xterm"
    assert "Permission is hereby granted" in (folder / "LICENSE").read_text(encoding="utf-8")
    notes = (folder / "README.md").read_text(encoding="utf-8")
    for path in folder.glob("*.mjs"):
        assert path.name in notes


def test_a_picture_has_a_step_for_each_change() -> None:
    curve = Curve(points=((0.0, 1, 0), (60.0, 2, 1)), sections=2, seats=1)
    picture = picture_of(curve, now=120.0)
    assert (picture.percent, picture.done, picture.is_empty) == (100, 1, False)
    assert len(picture.line.split()) == 4
    ends = [float(point.split(",")[0]) for point in picture.line.split()]
    assert ends[0] == picture.left and ends[-1] == picture.right


@pytest.mark.parametrize(
    ("times", "now"),
    [
        ((100000.0, 100060.0), 90000.0),
        ((100000.0, 90000.0, 90060.0), 90120.0),
        ((100000.0, 100300.0, 90000.0, 100600.0), 100900.0),
    ],
)
def test_a_clock_that_was_set_back_keeps_the_curve_in_the_picture(
    times: tuple[float, ...], now: float
) -> None:
    points = tuple((at, number, 0) for number, at in enumerate(times))
    picture = picture_of(Curve(points=points, sections=4, seats=1), now=now)
    across = [float(point.split(",")[0]) for point in picture.line.split()]
    assert across == sorted(across)
    assert picture.left <= across[0] and across[-1] <= picture.right
    assert all(picture.left <= mark.at <= picture.right for mark in picture.hours)


def test_a_class_without_history_has_no_picture() -> None:
    assert picture_of(Curve(points=(), sections=2, seats=1)).is_empty


def test_times_are_in_words() -> None:
    with speaking("en"):
        assert ago(0).endswith("h ago")


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        (b"http://a:1", b"a:1", True),
        (b"https://a", b"a", True),
        (b"http://a:2", b"a:1", False),
        (b"null", b"a", False),
        (b"", b"", False),
        (b"http://a.evil", b"a", False),
    ],
)
def test_an_origin_is_compared_with_the_host(origin: bytes, host: bytes, same: bool) -> None:
    scope = {"headers": [(b"origin", origin), (b"host", host)]}
    assert is_same_origin(scope) is same


def test_a_page_that_there_is_not_says_so_in_words(nobody: Browser, teacher: Browser) -> None:
    for browser in (nobody, teacher):
        for path in ("/nothing", "/board/x", "/seats/x"):
            status, text, headers = browser.get(path)
            assert (status, "no such page" in text) == (404, True)
            assert headers["Content-Security-Policy"]


def test_a_student_in_a_drill_sees_the_symptom_and_not_the_cause(fresh: Place) -> None:
    seat, host = fresh.room.roll.seat(1), fresh.room.world(1).hosts["host1"]
    host.says("systemctl", "stop", "postfix")
    symptom = actions.start_drill(fresh.room.roll, seat, "postfix-stopped").symptom
    del host.files[path_of("postfix")]
    row = fresh.board.collector.row
    wait_for(lambda: bool(row(1).drill) and not row(1).is_done)
    teacher = logged_in(fresh.board, fresh.board.codes.instructor)
    student = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    mine = student.get("/me")[1]
    assert symptom in unescape(mine) and "✗" in mine
    assert 'class="detail"' not in mine
    assert 'class="detail"' in teacher.get("/seats/1")[1]
    # The instructor sees who is in a drill, and who has repaired it.
    assert symptom in unescape(teacher.get("/seats/1")[1])
    assert "in a drill" in teacher.get("/board")[1]
    host.files.update(fresh.room.world(2).hosts["host1"].files)
    wait_for(lambda: row(1).is_done)
    assert "drill repaired" in teacher.get("/board")[1]


def test_an_open_seat_says_that_something_is_done_to_it(fresh: Place) -> None:
    teacher = logged_in(fresh.board, fresh.board.codes.instructor)
    for verb in ("reset", "undo", "drill", "stop", "other"):
        assert fresh.board.collector.hold(1, verb)
        for path in ("/board", "/seats/1"):
            assert 'class="busy"' in teacher.get(path)[1]
        fresh.board.collector.release(1)
    assert 'class="busy"' not in teacher.get("/seats/1")[1]
