"""A class of three seats on Incus: every command of `labctl class`, and the board.

`class init --remote` names the server, as an instructor does on a laptop.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from labctl.classroom.codes import load_codes
from labctl.classroom.roll import Roll, open_class
from tests.incus.daemon import Daemon
from tests.lab.program import Ended, labctl, wait_until

CLASS = "on-incus"
SEATS = 3
PORT = 18453
ADDRESS = f"127.0.0.1:{PORT}"
MODEL = f"{CLASS}-model"


def class_(word: str, *words: str, code: int | None = 0) -> Ended:
    return labctl("class", word, *words, "--class", CLASS, code=code)


def seats(word: str, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """The seats in the JSON document of a command."""
    found: list[dict[str, Any]] = class_(word, *words, "--json", code=code).json["seats"]
    return found


def enter(seat: int, host: str, script: str) -> str:
    """Run a script as root through `labctl class enter`."""
    words = ("enter", "--class", CLASS, str(seat), host, "--user", "root", "--")
    return labctl("class", *words, "sh", "-c", script).out


@pytest.fixture(scope="module", autouse=True)
def room(daemon: Daemon) -> Iterator[Roll]:
    """The class, running, where it begins."""
    labctl("class", "init", CLASS, "--seats", str(SEATS), "--remote", "local", "--until", "dns")
    class_("doctor")
    class_("up")
    yield open_class(CLASS)
    class_("end", "--yes")
    assert set(projects(daemon)) == {"default"}
    networks = daemon.query("/1.0/networks?recursion=1")
    assert [each["name"] for each in networks if each["name"].startswith("lab-")] == []


def projects(daemon: Daemon) -> list[str]:
    return [each["name"] for each in daemon.query("/1.0/projects?recursion=1")]


def test_every_seat_is_a_project_of_its_own_and_a_second_up_changes_nothing(
    room: Roll, daemon: Daemon
) -> None:
    assert {f"labctl-{seat.lab_name}" for seat in room.seats} <= set(projects(daemon))
    enter(2, "host1", "touch /root/work")
    class_("up")
    enter(2, "host1", "test -e /root/work")
    found = seats("status")
    assert [seat["state"] for seat in found] == ["running"] * SEATS
    assert [seat["complete"] for seat in found] == ["dns"] * SEATS


def test_the_seats_share_addresses_and_no_key(room: Roll) -> None:
    keys = "cat /etc/ssh/ssh_host_ed25519_key.pub /etc/machine-id"
    found = {enter(seat.number, "host1", keys) for seat in room.seats}
    assert len(found) == SEATS
    for seat in room.seats:
        assert "192.168.56.101/24" in enter(seat.number, "host1", "ip -4 -br address")


def test_one_seat_is_reset_undone_and_graded(room: Roll) -> None:
    class_("reset", "1-2", "--yes")
    class_("check", "1-2", "--step", "dns")
    enter(2, "host1", "systemctl disable --now named")
    found = seats("check", "1-2", "--step", "dns", code=1)
    assert [seat["right"] for seat in found] == [True, False]
    class_("reset", "2", "--yes")
    class_("check", "1-2", "--step", "dns")
    class_("undo", "2", "--yes")
    class_("check", "2", "--step", "dns", code=1)


def test_all_seats_go_to_the_complete_lab_with_their_own_passwords(room: Roll) -> None:
    class_("reset", "--all", "--to", "ready", "--yes")
    assert all(seat["right"] for seat in seats("check"))
    labctl("test-mail", name=room.seats[-1].lab_name)
    shown = [labctl("credentials", name=seat.lab_name).out for seat in room.seats]
    assert len(set(shown)) == SEATS


def test_internet_access_is_closed_for_one_seat(room: Roll, daemon: Daemon) -> None:
    class_("net", "close", "1")
    for number, is_open in ((1, False), (2, True)):
        project = f"labctl-{room.seat(number).lab_name}"
        devices = daemon.query(f"/1.0/instances/host1?project={project}")["devices"]
        assert ("out" in devices) is is_open
    class_("net", "open", "1")


def test_a_server_that_is_in_no_cluster_moves_no_seat(room: Roll) -> None:
    refused = class_("move", "1", "--to", "m2", code=1)
    assert "m2" in refused.out + refused.err


def test_a_drill_and_a_stop_at_all_seats(room: Roll) -> None:
    class_("reset", "--all", "--to", "ready", "--yes")
    class_("drill", "start", "postfix-stopped")
    assert [seat["right"] for seat in seats("check", code=1)] == [False] * SEATS
    class_("down")
    assert [seat["state"] for seat in seats("status")] == ["stopped"] * SEATS
    class_("up")
    assert [seat["state"] for seat in seats("status")] == ["running"] * SEATS


class Board:
    """`labctl class serve`, as a person starts it, and a browser with one cookie."""

    def __init__(self, log: Path) -> None:
        self.log = log
        argv = [sys.executable, "-m", "labctl", "class", "serve", "--class", CLASS]
        with log.open("wb") as sink:
            self._process = subprocess.Popen(
                [*argv, "--port", str(PORT)],
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LABCTL_LANG": "en"},
                start_new_session=True,
            )
        self._cookie = ""
        wait_until(lambda: ADDRESS in log.read_text(), "the board did not start")

    def log_in(self, code: str) -> None:
        status, headers, _body = self._ask("POST", "/login", urlencode({"code": code}))
        assert status == 303
        self._cookie = headers["set-cookie"].split(";")[0]

    def page(self, path: str) -> str:
        status, _headers, body = self._ask("GET", path)
        assert status == 200
        return body

    def _ask(self, method: str, path: str, body: str = "") -> tuple[int, dict[str, str], str]:
        headers = {
            "Origin": f"http://{ADDRESS}",
            "Cookie": self._cookie,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        connection = HTTPConnection(ADDRESS, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = {key.lower(): value for key, value in answer.getheaders()}
        text = answer.read().decode()
        connection.close()
        return answer.status, found, text

    def terminal(self, seat: int, host: str) -> ClientConnection:
        return connect(
            f"ws://{ADDRESS}/seats/{seat}/terminals/{host}/stream",
            origin=Origin(f"http://{ADDRESS}"),
            additional_headers={"Cookie": self._cookie},
        )

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(30) == 0, self.log.read_text()


@pytest.fixture
def board(room: Roll, tmp_path: Path) -> Iterator[Board]:
    made = Board(tmp_path / "log")
    yield made
    made.stop()


def typed(terminal: ClientConnection, line: str, pattern: str, seconds: float = 60) -> str:
    """Type a line and read until the pattern is on the screen.

    The terminal also shows the line itself, so the pattern must not match that.
    """
    terminal.send(line.encode() + b"\r")
    return shown(terminal, pattern, seconds)


def shown(terminal: ClientConnection, pattern: str, seconds: float = 60) -> str:
    deadline, text = time.monotonic() + seconds, ""
    while re.search(pattern, text) is None:
        try:
            got = terminal.recv(timeout=max(0.1, deadline - time.monotonic()))
        except TimeoutError:
            pytest.fail(f"{pattern} is not on the screen: {text!r}")
        if isinstance(got, bytes):
            text += got.decode(errors="replace")
            terminal.send(json.dumps({"drawn": len(got)}))
    return text


def test_the_board_shows_the_class_and_its_terminals_need_no_sshd(room: Roll, board: Board) -> None:
    class_("reset", "1", "--to", "ready", "--yes")
    board.log_in(load_codes(room).of_seat(1))
    with board.terminal(1, "host1") as terminal:
        shown(terminal, "ubuntu@host1")
        typed(terminal, "echo 日本''語 $((6 * 7))", "日本語 42")
        line = "sudo systemctl stop ssh; sudo ip link set host0 down; echo cut''off"
        typed(terminal, line, "cutoff")
    with board.terminal(1, "host1") as terminal:
        shown(terminal, "ubuntu@host1")
        typed(terminal, "echo ssh is $(systemctl is-active ssh)", "ssh is inactive")
        line = "sudo systemctl start ssh; sudo ip link set host0 up; echo re''paired"
        typed(terminal, line, "repaired")
    board.log_in(load_codes(room).instructor)
    wait_until(
        lambda: board.page("/board").count('class="cell right') >= SEATS,
        "the board graded no seat",
        90,
    )
