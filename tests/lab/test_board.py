"""The board in real browsers, on the real labs of a class of two seats."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import signal
import sqlite3
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from labctl.classroom.codes import Codes, load_codes
from labctl.classroom.roll import read_roll
from tests.lab.boards import certificate, command_of, is_alive
from tests.lab.browser import running_chromium
from tests.lab.program import labctl, wait_until

NAME = "board-test"
PORT = 18443
ORIGIN = f"http://127.0.0.1:{PORT}"
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# Milliseconds. A loaded machine grades a seat in ten seconds.
PATIENCE = 90_000
expect.set_options(timeout=PATIENCE)


class Server:
    """`labctl class serve`, as a person starts it."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.start()

    def start(self, *options: str) -> None:
        argv = [sys.executable, "-m", "labctl", "class", "serve", "--class", NAME]
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen(
                [*argv, "--port", str(PORT), *options],
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LABCTL_LANG": "ja"},
                start_new_session=True,
            )
        wait_until(lambda: f"127.0.0.1:{PORT}/" in self.said, f"no board: {self.said}", 60)

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def children(self) -> list[int]:
        """The web process, the graders and the logins of the terminals.

        The hosts that a reset from the board started are not part of it: the labs go on.
        """
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        pids = [int(pid) for each in threads for pid in (each / "children").read_text().split()]
        return [pid for pid in pids if b"systemd-nspawn" not in command_of(pid)]

    @property
    def web_pid(self) -> int:
        for pid in self.children():
            if b"labctl.board" in command_of(pid):
                return pid
        raise AssertionError("there is no web process")

    def web_process(self) -> dict[str, str]:
        """What proc(5) says of the web process."""
        lines = Path(f"/proc/{self.web_pid}/status").read_text().splitlines()
        return {key: value.strip() for key, _, value in (x.partition(":") for x in lines)}

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0, self.said


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Codes]:
    """The codes of the class, whose two labs run."""
    labctl("class", "destroy", "--class", NAME, "--yes", code=None)
    labctl("class", "end", "--class", NAME, "--yes", code=None)
    students = tmp_path_factory.mktemp("class") / "students.csv"
    students.write_text("1,山田 花子\n2,Sato <u>Taro</u>\n", encoding="utf-8")
    labctl("class", "init", NAME, "--seats", "2", "--students", str(students))
    labctl("class", "up", "--class", NAME)
    yield load_codes(read_roll(NAME))
    labctl("class", "end", "--class", NAME, "--yes")


@pytest.fixture(scope="module")
def server(codes: Codes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("board") / "log")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, server: Server) -> Iterator[Open]:
    """Open a browser of its own and log in. No page may ask another server for anything."""
    asked: list[str] = []
    wrong: list[str] = []
    contexts = []

    def open_one(code: str, *, lang: str = "en", **options: Any) -> Page:
        context = chromium.new_context(locale=lang, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.goto(ORIGIN)
        page.fill("#code", code)
        page.click(".main-button")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert {re.sub(r"^ws", "http", url)[: len(ORIGIN) + 1] for url in asked} <= {f"{ORIGIN}/"}
    # A file or a style that the page's own policy refuses is an error, too.
    # A board that was killed refuses connections.
    serious = [each for each in wrong if "net::ERR_CONNECTION" not in each]
    assert [each for each in serious if "Content Security Policy" in each or "Error" in each] == []


def on_host(seat: int, command: str, host: str = "host1") -> str:
    lab = f"{NAME}-s{seat:02}"
    return labctl("ssh", host, "--user", "root", "--", "sh", "-c", command, name=lab).out


def screen_of(page: Page, number: int = 0) -> str:
    """The text of a terminal, with what has scrolled out of sight."""
    script = """number => {
      const buffer = window.shells?.[number]?.terminal.buffer.active;
      if (!buffer) return "";
      return [...Array(buffer.length).keys()]
        .map(line => buffer.getLine(line).translateToString(true)).join("\\n").trim();
    }"""
    return str(page.evaluate(script, number))


def shows(page: Page, pattern: str, number: int = 0) -> None:
    wait_until(
        lambda: re.search(pattern, screen_of(page, number), re.M) is not None,
        f"no {pattern!r} on the terminal",
        60,
    )


def type_in(page: Page, text: str) -> None:
    page.locator(".terminal .screen").first.click()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_a_cell_turns_in_both_browsers_after_a_real_change(open_page: Open, codes: Codes) -> None:
    teacher, student = open_page(codes.instructor), open_page(codes.of_seat(1))
    expect(teacher.locator("#seat-1 .cell.right").first).to_be_visible()
    expect(teacher.locator("#seat-2 .cell.right").first).to_be_visible()
    assert "山田 花子" in teacher.inner_text("#seat-1")
    before = on_host(1, "postconf -h mydestination").strip()
    on_host(1, "postconf -e 'mydestination = broken.example'")
    cell = teacher.locator("#seat-1 .cell.wrong")
    expect(cell.first).to_be_visible()
    expect(student.locator(".cell.wrong").first).to_be_visible()
    assert "broken.example" in student.inner_text("main")
    assert teacher.locator("#seat-2 .cell.wrong").count() == 0
    cell.locator("a").first.click()
    dialog = teacher.locator("dialog[open]")
    expect(dialog).to_contain_text("broken.example")
    teacher.keyboard.press("Escape")
    on_host(1, f"postconf -e 'mydestination = {before}'; systemctl reload postfix")
    expect(cell).to_have_count(0)


def test_the_terminal_types_resizes_pastes_and_survives_a_reload(
    open_page: Open, codes: Codes
) -> None:
    page = open_page(codes.of_seat(1))
    shows(page, r"ubuntu@host1")
    shows(page, r"ubuntu@host2", 1)
    type_in(page, "echo 日本''語; stty size")
    shows(page, r"^日本語$")
    shows(page, r"^\d+ \d+$")
    wide = re.findall(r"^(\d+) (\d+)$", screen_of(page), re.M)[-1]
    page.set_viewport_size({"width": 700, "height": 700})
    type_in(page, "clear; stty size")
    wait_until(
        lambda: re.findall(r"^(\d+) (\d+)$", screen_of(page), re.M)[-1:] not in ([], [wide]),
        "the host did not learn the new size",
        60,
    )
    text = "".join(f"{number:05} {'あ' * 10} {'x' * 62}\n" for number in range(1024))
    assert len(text.encode()) > 100_000
    type_in(page, "clear; stty -echo; cat >pasted; stty echo; echo all ''there")
    page.wait_for_timeout(1000)
    page.evaluate("text => window.shells[0].terminal.paste(text)", text)
    page.keyboard.press("Control+D")
    shows(page, r"^all there$")
    found = on_host(1, "sha256sum </home/ubuntu/pasted").split()[0]
    assert found == hashlib.sha256(text.encode()).hexdigest()
    page.reload()
    shows(page, r"^all there$")
    type_in(page, "echo still $((6 * 7))")
    shows(page, r"^still 42$")


def test_the_terminal_works_without_sshd_and_network(open_page: Open, codes: Codes) -> None:
    page = open_page(codes.of_seat(2))
    shows(page, r"ubuntu@host1")
    type_in(page, "sudo systemctl stop ssh; sudo ip link set host0 down; exit")
    expect(page.locator(".terminal .state").first).to_contain_text("logged out")
    page.locator(".terminal .screen").first.click()
    page.keyboard.press("Enter")
    expect(page.locator(".terminal .state").first).to_have_text("")
    type_in(page, "systemctl is-active ssh; echo up ''again")
    shows(page, r"^inactive$")
    type_in(page, "sudo systemctl start ssh; sudo ip link set host0 up; echo re''paired")
    shows(page, r"^repaired$")


def test_a_host_with_an_open_terminal_shuts_down_and_the_terminal_comes_back(
    open_page: Open, codes: Codes
) -> None:
    page = open_page(codes.of_seat(2))
    shows(page, r"ubuntu@host1")
    state = page.locator(".terminal .state").first
    booted = on_host(2, "stat -c %Z /proc/1")
    type_in(page, "sudo reboot")
    expect(state).to_contain_text("was stopped")
    expect(state).to_have_text("")
    assert on_host(2, "stat -c %Z /proc/1") != booted
    shows(page, r"ubuntu@host1")
    type_in(page, "sudo poweroff")
    expect(state).to_contain_text("does not run")
    expect(page.locator(".mine .problem")).to_contain_text("host1")
    labctl("class", "up", "2", "--class", NAME)
    expect(state).to_have_text("")
    type_in(page, "echo on $((6 * 7))")
    shows(page, r"^on 42$")


def test_a_page_that_is_opened_right_after_exit_logs_in_again(
    open_page: Open, codes: Codes
) -> None:
    page = open_page(codes.of_seat(1))
    shows(page, r"ubuntu@host1")
    before = on_host(1, "pgrep -u ubuntu bash").split()
    type_in(page, "exit")
    page.reload()
    wait_until(
        lambda: set(on_host(1, "pgrep -u ubuntu bash || true").split()) - set(before) != set(),
        "no new login",
        60,
    )
    type_in(page, "echo new $((6 * 7))")
    shows(page, r"^new 42$")


def test_the_reset_button_brings_the_seat_back(open_page: Open, codes: Codes) -> None:
    on_host(2, "touch /etc/left-behind")
    page = open_page(codes.instructor)
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#seat-2 th a")
    page.click("dialog[open] form[action$='/reset'] button")
    expect(page.locator("dialog[open] [data-answer]")).to_contain_text("is back")
    assert on_host(2, "ls /etc").count("left-behind") == 0
    page.click("dialog[open] form[action$='/undo'] button")
    expect(page.locator("dialog[open] [data-answer]")).to_contain_text(
        "before its reset", timeout=PATIENCE
    )
    assert on_host(2, "ls /etc").count("left-behind") == 1


@pytest.mark.parametrize(
    ("lang", "scheme"),
    [
        ("ja", "light"),
        ("en", "dark"),
        # Each language and each scheme is above, so the other pairs are on demand.
        pytest.param("ja", "dark", marks=pytest.mark.long),
        pytest.param("en", "light", marks=pytest.mark.long),
    ],
)
def test_axe_finds_nothing(open_page: Open, codes: Codes, lang: str, scheme: str) -> None:
    # Something to show.
    before = on_host(2, "postconf -h mydestination").strip()
    on_host(2, "postconf -e 'mydestination = broken.example'")
    audit_pages(open_page, codes, scheme, lang)
    on_host(2, f"postconf -e 'mydestination = {before}'; systemctl reload postfix")


def audit_pages(open_page: Open, codes: Codes, scheme: str, lang: str) -> None:
    # 640 pixels are a window of 1280 at a zoom of 200 %.
    for width in (1280, 640):
        size = {"width": width, "height": 800}
        teacher = open_page(codes.instructor, lang=lang, color_scheme=scheme, viewport=size)
        student = open_page(codes.of_seat(1), lang=lang, color_scheme=scheme, viewport=size)
        shows(student, r"ubuntu@host1")
        findings = [audited(student)]
        for path in ("/board", "/projector", "/seats/1", "/no-such-page"):
            teacher.goto(ORIGIN + path)
            findings.append(audited(teacher))
        teacher.goto(f"{ORIGIN}/board")
        for opened in ("#seat-1 th a", "#seat-2 td.cell a >> nth=0"):
            teacher.click(opened)
            teacher.wait_for_selector("dialog[open]")
            findings.append(audited(teacher))
            teacher.keyboard.press("Escape")
        teacher.locator("header form[action='/logout'] button").evaluate("each => each.click()")
        teacher.wait_for_selector("#code")
        findings.append(audited(teacher))
        teacher.fill("#code", "kqhtm-bxwzn-rdcfg")
        teacher.click(".main-button")
        teacher.wait_for_selector("#code-wrong")
        findings.append(audited(teacher))
        assert findings == [[]] * len(findings)


def audited(page: Page) -> list[str]:
    """What axe finds. With LABCTL_TEST_PICTURES, a picture of the page is kept in that folder."""
    if folder := os.environ.get("LABCTL_TEST_PICTURES"):
        count = len(list(Path(folder).glob("*.png")))
        page.screenshot(path=Path(folder) / f"{count:03}.png")
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 10
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not page.evaluate(wide), f"{page.url} is wider than its window"
    return [
        f"{page.url} {each['id']}: {' | '.join(node['html'] for node in each['nodes'])}"
        for each in found["violations"]
    ]


def test_another_origin_or_seat_opens_no_terminal(open_page: Open, codes: Codes) -> None:
    page = open_page(codes.of_seat(1))
    page.wait_for_selector(".mine")
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
    for origin, seat in (("http://evil.example", 1), (ORIGIN, 2)):
        address = f"ws://127.0.0.1:{PORT}/seats/{seat}/terminals/host1/stream"
        headers = {"Cookie": cookie}
        with (
            pytest.raises(InvalidStatus) as caught,
            connect(address, origin=Origin(origin), additional_headers=headers),
        ):
            pass
        assert caught.value.response.status_code == 403


def test_the_web_process_has_no_rights(server: Server) -> None:
    told = server.web_process()
    assert told["Uid"].split()[0] != "0" and set(told["Uid"].split()) == {told["Uid"].split()[0]}
    assert (told["CapPrm"], told["CapEff"], told["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")


@pytest.mark.parametrize(
    "killed", ["helper", *(pytest.param(each, marks=pytest.mark.long) for each in ("web", "both"))]
)
def test_a_killed_board_comes_back_with_the_truth(
    open_page: Open, codes: Codes, server: Server, killed: str
) -> None:
    """Killed while somebody types in a terminal and a seat is graded."""
    teacher, student = open_page(codes.instructor), open_page(codes.of_seat(1))
    expect(teacher.locator("#seat-1 .cell.right").first).to_be_visible()
    shows(student, r"ubuntu@host1")
    type_in(student, "yes typing")
    booted = on_host(1, "stat -c %Z /proc/1")
    before, changes = on_host(1, "postconf -h mydestination").strip(), history()
    children, web = server.children(), server.web_pid
    on_host(1, "postconf -e 'mydestination = killed.example'")
    # In the midst of the grading.
    teacher.wait_for_timeout(1000)
    if killed in ("web", "both"):
        os.kill(web, signal.SIGKILL)
    if killed in ("helper", "both"):
        server.process.kill()
    assert server.process.wait(30) != 0
    wait_until(lambda: not any(is_alive(pid) for pid in children), "processes are left")
    assert on_host(1, "stat -c %Z /proc/1") == booted
    assert history()[: len(changes)] == changes
    server.start()
    # The logins are still good, the pages come back by themselves and show what is there now.
    expect(teacher.locator("#seat-1 .cell.wrong").first).to_be_visible()
    expect(student.locator(".cell.wrong").first).to_be_visible()
    wait_until(lambda: "ubuntu@host1" in screen_of(student)[-200:], "no new login", 60)
    on_host(1, f"postconf -e 'mydestination = {before}'; systemctl reload postfix")
    expect(teacher.locator("#seat-1 .cell.wrong")).to_have_count(0)
    found = history()
    assert found[: len(changes)] == changes
    times = [float(str(row[1])) for row in found]
    assert times == sorted(times)


def history() -> list[tuple[object, ...]]:
    """The changes in the file, which must be sound."""
    with closing(sqlite3.connect(read_roll(NAME).folder / "history.sqlite")) as file:
        assert file.execute("pragma integrity_check").fetchall() == [("ok",)]
        return file.execute("select * from changes order by id").fetchall()


def test_what_a_host_says_and_a_name_are_never_markup(open_page: Open, codes: Codes) -> None:
    page = open_page(codes.instructor)
    before = on_host(2, "postconf -h mydestination").strip()
    on_host(2, "postconf -e 'mydestination = <img src=x onerror=alert(1)>'")
    expect(page.locator("#seat-2 .cell.wrong").first).to_be_visible()
    page.goto(f"{ORIGIN}/seats/2")
    expect(page.locator("main")).to_contain_text("<img")
    expect(page.locator("main")).to_contain_text("onerror=alert(1)>")
    assert "<u>Taro</u>" in page.inner_text("main")
    assert page.locator("main img, main u").count() == 0
    on_host(2, f"postconf -e 'mydestination = {before}'; systemctl reload postfix")


def test_the_projector_has_no_name_in_any_byte(open_page: Open, codes: Codes) -> None:
    page = open_page(codes.instructor)
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
    page.goto(f"{ORIGIN}/seats/1")
    page.fill("#note-text", "often late")
    page.click("form[action$='/note'] button")
    expect(page.locator("[data-answer]")).to_contain_text("saved")
    seen = page.request.get(f"{ORIGIN}/projector").body()
    asked = urllib.request.Request(f"{ORIGIN}/projector/events", headers={"Cookie": cookie})
    with urllib.request.urlopen(asked, timeout=60) as stream:
        while seen.count(b"event: row") < 2:
            seen += stream.readline()
        on_host(2, "systemctl stop postfix")
        while seen.count(b"event: row") < 3 or not seen.endswith(b"\n\n"):
            seen += stream.readline()
    on_host(2, "systemctl start postfix")
    for word in ("山田", "花子", "Taro", "Sato", "late"):
        assert word.encode() not in seen


def test_only_the_web_process_and_root_reach_the_helper(server: Server) -> None:
    places = [each for each in Path("/tmp").glob("labctl-board-*") if (each / "helper").exists()]
    assert places
    for place in places:
        # The user of the web process may enter, and change nothing.
        assert place.stat().st_mode & 0o777 == 0o710
        assert place.stat().st_uid == 0
        script = f"import socket; socket.socket(socket.AF_UNIX).connect('{place / 'helper'}')"
        argv = ["setpriv", "--reuid", "33", "--clear-groups", "/usr/bin/python3", "-c", script]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert "PermissionError" in done.stderr


def test_with_a_certificate_everything_is_encrypted(
    codes: Codes, server: Server, tmp_path: Path
) -> None:
    cert, key = certificate(tmp_path)
    server.stop()
    server.start("--cert", str(cert), "--key", str(key))
    try:
        assert f"https://127.0.0.1:{PORT}/" in server.said
        trust = ssl.create_default_context(cafile=str(cert))
        connection = http.client.HTTPSConnection("127.0.0.1", PORT, context=trust, timeout=60)
        origin = f"https://127.0.0.1:{PORT}"
        form = urllib.parse.urlencode({"code": codes.of_seat(1)})
        connection.request("POST", "/login", form, {"Origin": origin})
        answer = connection.getresponse()
        answer.read()
        cookie = answer.headers["Set-Cookie"]
        assert answer.status == 303 and "; Secure" in cookie and "HttpOnly" in cookie
        assert answer.headers["Strict-Transport-Security"] is None
        address = f"wss://127.0.0.1:{PORT}/seats/1/terminals/host1/stream"
        headers = {"Cookie": cookie.split(";")[0]}
        with connect(address, ssl=trust, origin=Origin(origin), additional_headers=headers) as wire:
            seen = b""
            while b"ubuntu@host1" not in seen:
                part = wire.recv(timeout=60)
                seen += part if isinstance(part, bytes) else b""
        with pytest.raises((OSError, http.client.HTTPException)):
            plain = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
            plain.request("GET", "/login")
            plain.getresponse()
    finally:
        server.stop()
        server.start()
