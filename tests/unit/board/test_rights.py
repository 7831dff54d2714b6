"""Who may see and do what: over HTTP, and past the web process at the helper itself."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from labctl.board import connections
from labctl.board.wrong_codes import WrongCodes
from labctl.classroom import helper, protocol
from labctl.classroom.cells import said_of
from labctl.classroom.codes import renew_codes
from labctl.classroom.history import History
from labctl.classroom.rows import CellState, Detail
from labctl.classroom.terminal import View
from labctl.classroom.terminals import Terminals
from labctl.errors import WrongState
from tests.fakes.board import Browser, RunningBoard
from tests.fakes.classroom import InClass, MemoryClass
from tests.fakes.lab import path_of
from tests.fakes.neighbour import another_labctl
from tests.unit.board.conftest import STUDENTS, Place, logged_in, place, wait_for

PAGES = ("/board", "/projector", "/me", "/seats/1", "/seats/1/terminals/host1", "/board/events")


@pytest.mark.parametrize("path", PAGES)
def test_without_a_code_there_is_only_the_login(nobody: Browser, path: str) -> None:
    status, text, headers = nobody.get(path)
    assert (status, headers["Location"], text) == (303, "/login", "")


def test_a_wrong_code_is_refused_and_leaves_no_cookie(nobody: Browser) -> None:
    status, text, _headers = nobody.log_in("kqhtm-bxwzn-rdcfg")
    assert status == 401 and "This code is wrong" in text
    assert nobody.cookies == {}


def test_a_code_that_cannot_be_kept_is_not_called_wrong(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.classroom.history.History.log_in", _on_a_full_disk)
    code = fresh.board.codes.of_seat(1)
    status, text, headers = Browser(fresh.board).log_in(code)
    assert (status, "Set-Cookie" in headers) == (409, False)
    assert "This code is wrong" not in text and "the history cannot be used" in text
    monkeypatch.undo()
    assert all(Browser(fresh.board).log_in("wrong")[0] == 401 for _each in range(20))


def _on_a_full_disk(_history: History, _owner: int) -> str:
    raise WrongState("the history cannot be used", cause="database or disk is full")


def test_after_many_wrong_codes_an_address_has_to_wait_and_no_other(fresh: Place) -> None:
    attacker = Browser(fresh.board)
    # A proxy on this machine tells whose request it is.
    far = {"X-Forwarded-For": "203.0.113.7"}
    found = [attacker.log_in("wrong", **far)[0] for _each in range(22)]
    assert found == [401] * 20 + [429] * 2
    assert attacker.log_in(fresh.board.codes.instructor, **far)[0] == 429
    other = Browser(fresh.board)
    assert (
        other.log_in(fresh.board.codes.instructor, **{"X-Forwarded-For": "203.0.113.8"})[0] == 303
    )
    # Whoever is logged in is not concerned, from that address either.
    assert other.get("/board", **far)[0] == 200


def test_all_addresses_together_have_a_limit_that_leaves_logins_alone(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "_MOST_WRONG", 3)
    student = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    found = [
        Browser(fresh.board).log_in("wrong", **{"X-Forwarded-For": f"203.0.113.{number}"})[0]
        for number in range(5)
    ]
    assert found == [401] * 3 + [429] * 2
    assert student.get("/me")[0] == 200
    assert student.post("/seats/1/check")[0] == 303


def test_one_code_logs_in_so_often_and_no_other_waits(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "_MOST_LOGINS", 3)
    codes = fresh.board.codes
    student = logged_in(fresh.board, codes.of_seat(1))
    found = [Browser(fresh.board).log_in(codes.of_seat(1))[0] for _each in range(4)]
    assert found == [303] * 2 + [429] * 2
    # The code is right, so nobody looks for a mistake in it.
    text = Browser(fresh.board).log_in(codes.of_seat(1))[1]
    assert "used too often" in text and "wrong" not in text.split("code-wrong")[-1]
    assert Browser(fresh.board).log_in(codes.of_seat(2))[0] == 303
    assert student.get("/me")[0] == 200


def test_one_network_is_one_address_and_old_addresses_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = WrongCodes()
    for number in range(20):
        wrong.add(f"2001:db8::{number}")
    assert not wrong.may_try("2001:db8::ffff")
    assert wrong.may_try("2001:db8:0:1::1")
    now = time.monotonic()
    monkeypatch.setattr("labctl.board.wrong_codes.time.monotonic", lambda: now + 61)
    assert wrong.may_try("2001:db8::ffff")
    monkeypatch.setattr("labctl.board.wrong_codes._MOST_ADDRESSES", 1)
    wrong.add("203.0.113.1")
    assert len(wrong._seen) == 1


def test_the_cookie_is_for_this_server_only_and_not_the_code(
    nobody: Browser, board: RunningBoard
) -> None:
    code = board.codes.of_seat(1)
    _status, _text, headers = nobody.log_in(code)
    line = str(headers["Set-Cookie"])
    assert "HttpOnly" in line and "SameSite=strict" in line and "Secure" not in line
    assert code not in line and code.replace("-", "") not in line


def test_behind_a_proxy_that_speaks_https_the_cookie_is_secure(
    nobody: Browser, board: RunningBoard
) -> None:
    code = board.codes.of_seat(1)
    _status, _text, headers = nobody.log_in(code, **{"X-Forwarded-Proto": "https"})
    assert "; Secure" in str(headers["Set-Cookie"])


def test_no_code_is_in_a_page(teacher: Browser, student: Browser, board: RunningBoard) -> None:
    codes = [board.codes.instructor, *(board.codes.of_seat(number) for number in (1, 2, 3))]
    for browser, paths in ((teacher, ("/board", "/seats/1", "/projector")), (student, ("/me",))):
        for path in paths:
            status, text, _headers = browser.get(path)
            assert status == 200
            assert not any(code in text for code in codes), path


def test_a_student_sees_the_own_row_only(student: Browser) -> None:
    text = student.get("/me")[1]
    assert STUDENTS[1] in text and "Taro" not in text
    for path in (
        *("/board", "/board/events", "/board/progress", "/projector", "/projector/events"),
        *("/seats/1", "/seats/2", "/seats/2/sections/dns", "/seats/2/terminals/host1"),
        *("/seats/1/terminals/nohost", "/seats/1/terminals/..%2f..%2fetc"),
    ):
        assert student.get(path)[0] in (303, 404), path


def test_who_logs_out_ends_the_events_of_all_pages(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "_LOGIN_SECONDS", 0.1)
    one = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    with socket.create_connection(("127.0.0.1", fresh.board.port), timeout=20) as stream:
        stream.sendall(
            f"GET /me/events HTTP/1.1\r\nHost: x\r\nCookie: {one.cookie}\r\n\r\n".encode()
        )
        assert stream.recv(65536)
        assert one.post("/logout")[0] == 303
        # The web process asks for the events again, and is refused.
        stream.settimeout(20)
        while stream.recv(65536):
            pass


def test_a_students_events_are_of_the_own_seat_only(student: Browser, board: RunningBoard) -> None:
    with raw(board) as stream:
        stream.sendall(
            f"GET /me/events HTTP/1.1\r\nHost: x\r\nCookie: {student.cookie}\r\n\r\n".encode()
        )
        seen = b""
        while b"event: row" not in seen:
            seen += stream.recv(65536)
        board.collector.note(2, "secret of the instructor")
        board.collector.note(1, "about seat 1")
        board.collector.note(2, "")
        board.collector.note(1, "")
        stream.settimeout(1)
        with suppress(TimeoutError):
            while True:
                seen += stream.recv(65536)
    assert b'id="seat-1"' in seen and b'id="seat-2"' not in seen
    assert b"secret" not in seen and b"about seat" not in seen


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5000, "%00", "labctl-mail=;"])
def test_a_cookie_that_nobody_was_given_leads_to_the_login(
    board: RunningBoard, cookie: str
) -> None:
    browser = Browser(board, {"labctl-mail": cookie})
    for path in ("/board", "/me", "/me/events", "/seats/1/terminals/host1"):
        assert browser.get(path)[0] == 303, path
    assert browser.post("/seats/1/check")[0] == 401
    with pytest.raises(InvalidStatus), open_terminal(browser, OWN):
        pass


@pytest.mark.parametrize("said", ["[", "5", "{}", '{"columns": "x"}', '{"drawn": null}', "x" * 999])
def test_a_terminal_outlives_a_browser_that_talks_nonsense(student: Browser, said: str) -> None:
    with open_terminal(student, OWN) as terminal:
        read_until(terminal, '"caught-up"')
        terminal.send(said)
        # It is closed, or goes on; the next one works.
        with suppress(ConnectionClosed, TimeoutError):
            terminal.send(b"\r")
            terminal.recv(timeout=0.2)
    with open_terminal(student, OWN) as terminal:
        read_until(terminal, '"caught-up"')
        terminal.send(b"echo good\r")
        read_until(terminal, "echo good")


@pytest.mark.parametrize("verb", ["reset", "undo", "drill", "note"])
@pytest.mark.parametrize("seat", [1, 2])
def test_a_student_changes_no_seat(
    student: Browser, board: RunningBoard, room: MemoryClass, verb: str, seat: int
) -> None:
    saved = list(room.world(seat).checkpoints)
    assert student.post(f"/seats/{seat}/{verb}", name="postfix-stopped", text="x")[0] == 403
    assert list(room.world(seat).checkpoints) == saved
    assert (board.collector.row(seat).busy, board.collector.row(seat).note) == ("", "")


def test_a_student_has_the_own_seat_graded_and_no_other(student: Browser) -> None:
    assert student.post("/seats/1/check")[0] == 303
    assert student.post("/seats/2/check")[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_form_of_another_origin_is_refused(
    teacher: Browser, room: MemoryClass, origin: str
) -> None:
    assert teacher.post("/seats/1/reset", origin=origin)[0] == 403
    assert teacher.post("/logout", origin=origin)[0] == 403
    assert room.world(1).checkpoints.keys() == room.world(2).checkpoints.keys()


def test_the_instructor_resets_one_seat(fresh: Place) -> None:
    teacher = logged_in(fresh.board, fresh.board.codes.instructor)
    assert teacher.post("/seats/1/reset", to="dns")[0] == 303
    assert path_of("postfix") not in fresh.room.world(1).hosts["host1"].files
    assert path_of("postfix") in fresh.room.world(2).hosts["host1"].files
    wait_for(lambda: fresh.board.collector.row(1).at == "packages")
    assert teacher.post("/seats/1/undo")[0] == 303
    wait_for(lambda: fresh.board.collector.row(1).is_done)


def test_a_verb_that_there_is_not_is_refused(teacher: Browser) -> None:
    for verb in ("destroy", "login", "terminal", "watch"):
        assert teacher.post(f"/seats/1/{verb}")[0] == 400, verb
    assert teacher.post("/seats/1/reset", to="../../etc")[0] == 400
    assert teacher.post("/seats/999/reset")[0] == 403


def test_after_logging_out_the_old_cookie_is_of_no_use(
    teacher: Browser, board: RunningBoard
) -> None:
    old = Browser(board, dict(teacher.cookies))
    assert old.get("/board")[0] == 200
    teacher.post("/logout")
    assert old.get("/board")[0] == 303


def test_new_codes_end_the_logins_and_pages_of_the_old_ones(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "_LOGIN_SECONDS", 0.1)
    old = fresh.board.codes.of_seat(1)
    student = logged_in(fresh.board, old)
    (token,) = student.cookies.values()
    line = json.dumps({"verb": "watch", "token": token}).encode() + b"\n"
    with closing(ask(fresh.board, line)) as live:
        new = renew_codes(fresh.room.roll)
        # The connection is closed without another request.
        while live.recv(65536):
            pass
    assert student.post("/seats/1/check")[0] == 401
    assert Browser(fresh.board).log_in(old)[0] == 401
    assert Browser(fresh.board).log_in(new.of_seat(1))[0] == 303


def test_answers_carry_the_headers(nobody: Browser) -> None:
    _status, _text, headers = nobody.get("/login")
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    # It would apply to every port of this name.
    assert "Strict-Transport-Security" not in headers


def test_a_long_body_is_refused(nobody: Browser, board: RunningBoard) -> None:
    assert nobody.post("/login", code="x" * 20_000)[0] == 413
    with raw(board) as attacker:
        attacker.sendall(
            b"POST /login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n5\r\ncode=\r\n"
        )
        assert attacker.recv(4096).startswith(b"HTTP/1.1 413")


def raw(board: RunningBoard) -> socket.socket:
    return socket.create_connection(("127.0.0.1", board.port), timeout=20)


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /board HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"GET /static/icon.svg HTTP/1.1\r\nHost: x\r\n\r\nGET /",
    ],
)
def test_a_connection_without_a_request_is_closed(
    board: RunningBoard, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)
    with raw(board) as slow:
        slow.sendall(begun)
        while slow.recv(65536):
            pass


def test_a_terminal_and_live_rows_last_longer_than_a_request_may_take(
    student: Browser, board: RunningBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)
    with raw(board) as stream:
        stream.sendall(
            f"GET /me/events HTTP/1.1\r\nHost: x\r\nCookie: {student.cookie}\r\n\r\n".encode()
        )
        with open_terminal(student, OWN) as terminal:
            read_until(terminal, '"caught-up"')
            time.sleep(0.6)
            terminal.send(b"echo still there\r")
            read_until(terminal, "echo still there")
        stream.settimeout(0.5)
        with pytest.raises(TimeoutError):
            while stream.recv(65536):
                pass


def test_a_form_that_never_ends_is_answered(
    board: RunningBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.board.requests.FORM_SECONDS", 0.2)
    with raw(board) as slow:
        slow.sendall(
            b"POST /login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\n"
            b"Content-Length: 100\r\n\r\ncode="
        )
        assert slow.recv(4096).startswith(b"HTTP/1.1 401")


def test_one_address_may_not_take_all_connections(
    board: RunningBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_OF_ONE", 3)
    monkeypatch.setattr(connections, "_is_here", lambda _address: False)
    opened = [raw(board) for _each in range(8)]
    refused = 0
    for each in opened:
        each.settimeout(0.5)
        try:
            refused += each.recv(1) == b""
        except TimeoutError:
            continue
    assert refused >= 5
    for each in opened:
        each.close()


def test_one_network_may_not_take_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_OF_ONE", 2)
    addresses = ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1")

    async def refused() -> list[bool]:
        config = uvicorn.Config(PlainTextResponse(""))
        config.load()
        transports = [mock.Mock(asyncio.Transport) for _each in addresses]
        protocols = []
        for transport, address in zip(transports, addresses, strict=True):
            transport.get_extra_info.side_effect = {"peername": (address, 1)}.get
            protocols.append(connections.LimitedProtocol(config, ServerState(), {}))
            protocols[-1].connection_made(transport)
        found = [transport.close.called for transport in transports]
        for each in protocols:
            each.connection_lost(None)
        return found

    assert asyncio.run(refused()) == [False, False, True, False]
    assert not [each for each in connections.LimitedProtocol._open if "2001:db8" in each]


def test_one_code_may_not_take_all_pages(fresh: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "_MOST_PAGES", 2)
    student = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    (token,) = student.cookies.values()
    line = json.dumps({"verb": "watch", "token": token}).encode() + b"\n"
    with closing(ask(fresh.board, line)) as first, closing(ask(fresh.board, line)) as second:
        assert "Rows" in json.loads(first.makefile("rb").readline())
        assert "Rows" in json.loads(second.makefile("rb").readline())
        assert ask_helper(fresh.board, line)["Refused"]["kind"] == "busy"
    wait_for(lambda: "Rows" in ask_helper(fresh.board, line))


# -- terminals ----------------------------------------------------------------------------------


def open_terminal(
    browser: Browser, path: str, origin: str | None = None, size: str = "columns=80&rows=24"
) -> Any:
    board = browser.board
    return connect(
        f"ws://127.0.0.1:{board.port}{path}?{size}",
        origin=Origin(board.origin if origin is None else origin),
        additional_headers={"Cookie": browser.cookie},
    )


OWN, OTHER = "/seats/1/terminals/host1/stream", "/seats/2/terminals/host1/stream"


def test_a_terminal_answers_and_is_found_again(student: Browser) -> None:
    with open_terminal(student, OWN) as terminal:
        read_until(terminal, "ubuntu on host1")
        terminal.send("日本語\r".encode())
        read_until(terminal, "日本語")
    with open_terminal(student, OWN) as terminal:
        assert "日本語" in read_until(terminal, '"caught-up"')


def test_a_paste_of_100_kb_arrives_whole(student: Browser) -> None:
    lines = [f"{number:05} {'x' * 92}" for number in range(1024)]
    with open_terminal(student, "/seats/1/terminals/host2/stream") as terminal:
        read_until(terminal, "ubuntu on host2")
        terminal.send(("\r".join(lines) + "\r").encode())
        seen = read_until(terminal, lines[-1])
    assert [seen.count(line) for line in lines] == [1] * 1024


def flood(browser: Browser, path: str, message: bytes) -> None:
    """Send a message 50,000 times without a pause, until the board ends that."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{browser.board.port}",
        f"Origin: {browser.board.origin}",
        f"Cookie: {browser.cookie}",
        *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    # Masked with zeros (RFC 6455, section 5.2).
    frame = bytes([message[0] | 0x80, len(message) - 1 | 0x80]) + bytes(4) + message[1:]
    with socket.create_connection(("127.0.0.1", browser.board.port), 20) as plug:
        plug.sendall("\r\n".join([*lines, "", ""]).encode())
        assert b" 101 " in plug.recv(65536)
        with suppress(ConnectionError):
            plug.sendall(frame * 50_000)
            while plug.recv(65536):
                pass


@pytest.mark.parametrize(
    "message",
    [b"\x02x", b'\x01{"columns": 80, "rows": 24}', b"\x09"],
    ids=["key", "size", "ping"],
)
def test_a_browser_that_sends_without_end_is_cut_off(
    student: Browser, monkeypatch: pytest.MonkeyPatch, message: bytes
) -> None:
    """To take 50,000 messages needs some seconds, in which nobody else is answered."""
    taken: list[object] = []
    monkeypatch.setattr(View, "type", lambda _view, content: taken.append(content))
    monkeypatch.setattr(View, "resize", lambda _view, *size: taken.append(size))
    flood(student, OWN, message)
    assert len(taken) < 5_000
    with open_terminal(student, OWN) as terminal:
        read_until(terminal, '"caught-up"')


@pytest.mark.parametrize(("columns", "rows"), [(80, 1), (70_000, 24), (0, -5)])
def test_a_window_of_any_size_has_a_terminal(
    student: Browser, monkeypatch: pytest.MonkeyPatch, columns: int, rows: int
) -> None:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(View, "resize", lambda _view, *size: found.append(size))
    with open_terminal(student, OWN, size=f"columns={columns}&rows={rows}") as terminal:
        read_until(terminal, '"caught-up"')
        terminal.send(json.dumps({"columns": columns, "rows": rows}))
        # Messages of a connection that was cut off may still be read.
        wait_for(lambda: (min(max(columns, 2), 1000), max(rows, 2)) in found)


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_terminal_for_another_origin_is_refused(student: Browser, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught, open_terminal(student, OWN, origin):
        pass
    assert caught.value.response.status_code == 403


def test_the_terminal_of_another_seat_is_refused(student: Browser, nobody: Browser) -> None:
    for browser, path in ((student, OTHER), (nobody, OWN)):
        with pytest.raises(InvalidStatus) as caught, open_terminal(browser, path):
            pass
        assert caught.value.response.status_code == 403


def test_a_host_that_does_not_run_says_so(fresh: Place) -> None:
    fresh.room.world(1).hosts["host2"].running = False
    student = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    with open_terminal(student, "/seats/1/terminals/host2/stream") as terminal:
        assert json.loads(terminal.recv())["event"] == "refused"


@pytest.mark.parametrize(("verb", "refused"), [("reset", True), ("undo", True), ("drill", False)])
def test_no_terminal_is_opened_while_the_seat_is_reset(
    fresh: Place, verb: str, refused: bool
) -> None:
    student = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    assert fresh.board.collector.hold(1, verb)
    with open_terminal(student, OWN) as terminal:
        if not refused:
            read_until(terminal, '"caught-up"')
            return
        told = json.loads(terminal.recv(timeout=20))
    assert told["event"] == "refused" and "s01" in told["said"]
    fresh.board.collector.release(1)
    with open_terminal(student, OWN) as terminal:
        read_until(terminal, '"caught-up"')


def test_a_reset_that_begins_during_a_login_refuses_the_terminal(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = InClass.login

    def slow(provider: InClass, host: str, user: str) -> tuple[str, ...]:
        assert fresh.board.collector.hold(1, "reset")
        return login(provider, host, user)

    monkeypatch.setattr(InClass, "login", slow)
    student = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    assert "s01" in why_refused(student)


def why_refused(browser: Browser) -> str:
    """What a browser is told that gets no terminal on its own host."""
    with open_terminal(browser, OWN) as terminal:
        told = json.loads(terminal.recv(timeout=20))
    assert told["event"] == "refused"
    return str(told["said"])


def why_ended(terminal: Any) -> str:
    """End the login as a host does that stops, and return what the page is told."""
    read_until(terminal, '"caught-up"')
    terminal.send(b"\x04")
    said = read_until(terminal, '"ended"')
    return str(json.loads(said[said.index('{"event": "ended"') :])["why"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("class", "reset", "1"), "reset"),
        (("reset", "--undo"), "reset"),
        (("class", "up"), "stopped"),
        (("test-mail",), ""),
    ],
)
def test_the_page_is_told_what_another_labctl_does_to_its_host(
    fresh: Place, words: tuple[str, ...], why: str
) -> None:
    student = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    lab = fresh.room.roll.seat(1).lab_name
    with open_terminal(student, OWN) as terminal, another_labctl(lab, *words):
        assert why_ended(terminal) == why
        if why == "reset":
            assert "s01" in why_refused(student)
    # The board looks a few times a second who works on a lab.
    wait_for(lambda: not fresh.board.collector.row(1).busy)
    with open_terminal(student, OWN) as terminal:
        read_until(terminal, '"caught-up"')


def test_terminals_leave_a_host_that_another_labctl_stops(fresh: Place) -> None:
    """A host waits ten seconds for each login when it shuts down."""
    student = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    with open_terminal(student, OWN) as terminal:
        read_until(terminal, '"caught-up"')
        with another_labctl(fresh.room.roll.seat(1).lab_name, "class", "down"):
            assert '"stopped"' in read_until(terminal, '"ended"')
            assert "host1" in why_refused(student)
    with open_terminal(student, OWN) as terminal:
        read_until(terminal, '"caught-up"')


def test_the_page_is_told_that_its_host_was_stopped(fresh: Place) -> None:
    student = logged_in(fresh.board, fresh.board.codes.of_seat(1))
    with open_terminal(student, OWN) as terminal:
        read_until(terminal, '"caught-up"')
        fresh.room.world(1).hosts["host1"].running = False
        terminal.send(b"\x04")
        assert '"stopped"' in read_until(terminal, '"ended"')


def test_the_page_is_told_why_an_idle_terminal_was_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "Terminals", lambda most, **_why: Terminals(most, idle=0.5))
    with place(tmp_path) as made:
        student = logged_in(made.board, made.board.codes.of_seat(1))
        with open_terminal(student, OWN) as terminal:
            assert '"idle"' in read_until(terminal, '"ended"')
            with pytest.raises(ConnectionClosed) as closed:
                terminal.recv(timeout=20)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 4000


def test_the_page_is_told_if_there_are_too_many_terminals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "Terminals", lambda _most, **_why: Terminals(1))
    with place(tmp_path) as made:
        student = logged_in(made.board, made.board.codes.of_seat(1))
        with open_terminal(student, OWN) as first:
            read_until(first, '"caught-up"')
            with open_terminal(student, "/seats/1/terminals/host2/stream") as second:
                told = json.loads(second.recv(timeout=20))
            assert told["event"] == "refused" and "1 個" in told["said"]
            first.send("まだ\r".encode())
            read_until(first, "まだ")


def read_until(terminal: Any, text: str) -> str:
    seen = b""
    while text.encode() not in seen:
        part = terminal.recv(timeout=20)
        seen += part.encode() if isinstance(part, str) else part
        if isinstance(part, bytes):
            terminal.send(json.dumps({"drawn": len(part)}))
    return seen.decode(errors="replace")


# -- the helper itself --------------------------------------------------------------------------


def ask(board: RunningBoard, line: bytes) -> socket.socket:
    asked = socket.socket(socket.AF_UNIX)
    asked.settimeout(20)
    asked.connect(str(board.socket))
    asked.sendall(line)
    return asked


def ask_helper(board: RunningBoard, line: bytes) -> Any:
    with closing(ask(board, line)) as asked:
        return json.loads(asked.makefile("rb").readline())


def test_the_helper_decides_by_the_token_whatever_the_web_process_says(
    board: RunningBoard, student: Browser
) -> None:
    (token,) = student.cookies.values()
    for verb, more in (
        ("reset", {"seat": 2}),
        ("reset", {"seat": 1}),
        ("terminal", {"seat": 2, "host": "host1"}),
        ("check", {"seat": 2}),
        ("look", {"projector": True}),
        ("progress", {}),
    ):
        line = json.dumps({"verb": verb, "token": token, **more}).encode() + b"\n"
        assert ask_helper(board, line)["Refused"]["kind"] == "rights", verb


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"no json\n",
        b'{"verb":"run","token":"x"}\n',
        b'{"verb":"reset","token":"x","seat":1,"to":"a;b"}\n',
        b'{"verb":"reset","token":"x","seat":0}\n',
        b'{"verb":"terminal","token":"x","seat":1,"host":"../x"}\n',
    ],
)
def test_the_helper_refuses_what_is_no_request(board: RunningBoard, line: bytes) -> None:
    assert ask_helper(board, line)["Refused"]["kind"] == "request"


def test_the_socket_is_for_its_user_only(board: RunningBoard) -> None:
    assert board.socket.stat().st_mode & 0o777 == 0o600


def test_rows_that_are_longer_together_than_a_line_may_be_are_shown(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LONGEST_LINE", 60_000)
    texts = [said_of("x" * 1000)] * 20
    details = tuple(Detail(host="host1", what=text) for text in texts)
    for number in (1, 2):
        cells = fresh.board.collector.row(number).cells
        wrong = cells[0].model_copy(update={"state": CellState.WRONG, "details": details})
        assert fresh.board.collector.hold(number, "reset")
        fresh.board.collector._set(number, cells=(wrong, *cells[1:]))
    teacher = logged_in(fresh.board, fresh.board.codes.instructor)
    assert teacher.get("/board")[0] == 200
    assert teacher.get("/seats/1")[1].count("x" * 1000) == 20
    with raw(fresh.board) as stream:
        cookie = f"Cookie: {teacher.cookie}"
        stream.sendall(f"GET /board/events HTTP/1.1\r\nHost: x\r\n{cookie}\r\n\r\n".encode())
        seen = b""
        while seen.count(b"event: row") < 3:
            seen += stream.recv(65536)


def test_a_row_that_changes_is_sent_to_the_page(fresh: Place) -> None:
    teacher = logged_in(fresh.board, fresh.board.codes.instructor)
    with socket.create_connection(("127.0.0.1", fresh.board.port), timeout=20) as stream:
        stream.sendall(
            f"GET /board/events HTTP/1.1\r\nHost: 127.0.0.1:{fresh.board.port}\r\n"
            f"Cookie: {teacher.cookie}\r\n\r\n".encode()
        )
        seen = b""
        while seen.count(b"event: row") < 3:
            seen += stream.recv(65536)
        del fresh.room.world(2).hosts["host1"].files[path_of("postfix")]
        while b"cell wrong" not in seen:
            seen += stream.recv(65536)
    wrong = seen[: seen.index(b"cell wrong")]
    assert wrong.rindex(b'id="seat-2"') > wrong.rindex(b'id="seat-1"')
    assert "✗" in teacher.get("/board")[1]
