"""`labctl class serve` as a real process, on a class whose labs were never made."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

import pytest

from labctl.classroom.codes import load_codes
from labctl.classroom.roll import Roll, Seat, class_folder, read_roll, write_roll
from labctl.cli.class_options import server_name
from labctl.home import STATE_VARIABLE
from tests.lab.boards import certificate, command_of, is_alive
from tests.lab.program import wait_until


class Serve:
    """The board as a person starts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = int(free.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, waits: bool = True) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "labctl", "class", "serve", "--class", "mail"]
        with self.log.open("wb") as sink:
            self.process = process = subprocess.Popen(
                [*argv, "--port", str(self.port), *options],
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LABCTL_LANG": "en"},
                start_new_session=True,
            )
        if waits:
            wait_until(
                lambda: "Ctrl-C ends it" in self.said or process.poll() is not None, "no board", 60
            )
            assert process.poll() is None, self.said
        return process

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def children(self) -> list[int]:
        assert self.process is not None
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [int(pid) for each in threads for pid in (each / "children").read_text().split()]

    def web(self) -> int:
        (found,) = (pid for pid in self.children() if b"labctl.board" in command_of(pid))
        return found

    def ask(self, method: str, path: str, body: str = "", cookie: str = "") -> tuple[int, str, str]:
        """Status, text and cookie of one request over HTTP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        return answered(connection, f"http://127.0.0.1:{self.port}", method, path, body, cookie)

    def log_in(self) -> str:
        form = urlencode({"code": load_codes(read_roll("mail")).instructor})
        status, _text, cookie = self.ask("POST", "/login", form)
        assert status == 303
        return cookie.split(";")[0]


def answered(
    connection: http.client.HTTPConnection, origin: str, *request: str
) -> tuple[int, str, str]:
    method, path, body, cookie = request
    connection.request(method, path, body or None, {"Origin": origin, "Cookie": cookie})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, answer.headers["Set-Cookie"] or ""


def places() -> list[Path]:
    """The folders of the helpers of this class."""
    name = sha256(os.fsencode(class_folder("mail"))).hexdigest()[:12]
    return list(Path(tempfile.gettempdir()).glob(f"labctl-board-{name}-*"))


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    folder = class_folder("mail")
    seats = tuple(Seat("mail", number) for number in (1, 2))
    write_roll(Roll("mail", seats, "dns", folder / "labctl.toml"))
    (folder / "labctl.toml").write_text("", encoding="utf-8")
    made = Serve(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.send_signal(signal.SIGINT)
        assert made.process.wait(20) == 0, made.said


@pytest.mark.parametrize("killed", ["web", "helper", "both"])
def test_whatever_is_killed_nothing_is_left_and_a_new_board_goes_on(
    serve: Serve, killed: str
) -> None:
    process = serve.start()
    cookie = serve.log_in()
    assert serve.ask("POST", "/seats/1/note", urlencode({"text": "kept"}), cookie)[0] == 303
    wait_until(
        lambda: "mail-s01 は動いていません" in serve.ask("GET", "/board", cookie=cookie)[1],
        "not graded",
        60,
    )
    web, children = serve.web(), serve.children()
    if killed != "helper":
        os.kill(web, signal.SIGKILL)
    if killed != "web":
        process.kill()
    assert process.wait(20) == (1 if killed == "web" else -signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in children), "processes are left", 60)
    if killed == "web":
        assert "the web page ended unexpectedly" in serve.said
    with closing(sqlite3.connect(class_folder("mail") / "history.sqlite")) as file:
        assert file.execute("pragma integrity_check").fetchall() == [("ok",)]
    serve.start()
    assert len(places()) == 1
    # The login is still good, and so is the note.
    status, text, _cookie = serve.ask("GET", "/board", cookie=cookie)
    assert status == 200 and "kept" in text


def test_only_one_board_of_a_class_runs(serve: Serve) -> None:
    first = serve.start()
    second = Serve(serve.folder / "other")
    second.folder.mkdir()
    assert second.start(waits=False).wait(20) == 4
    assert "the board of the class mail is already running" in second.said
    assert first.poll() is None


def test_a_port_that_is_taken_is_named(serve: Serve) -> None:
    with closing(socket.create_server(("127.0.0.1", serve.port))):
        assert serve.start(waits=False).wait(20) != 0
    assert f"port {serve.port} cannot be used" in serve.said and "Traceback" not in serve.said


def test_plain_http_on_a_network_is_said(serve: Serve) -> None:
    refused = serve.start("--host", "0.0.0.0", waits=False)
    assert refused.wait(20) == 2
    assert "codes would cross the network unencrypted" in serve.said
    (hint,) = (line for line in serve.said.splitlines() if "--plain-http" in line.split()[-1])
    assert hint.split()[-5:] == ["--host", "0.0.0.0", "--port", str(serve.port), "--plain-http"]
    serve.start("--host", "0.0.0.0", "--plain-http")
    assert "without HTTPS anybody on the network can read codes" in serve.said
    # The cards that it names lead to the page that runs.
    address = f"http://{server_name()}:{serve.port}/"
    assert f": {address}\n" in serve.said and f"labctl class cards --url {address}\n" in serve.said


def test_with_a_certificate_everything_is_encrypted(serve: Serve) -> None:
    cert, key = certificate(serve.folder)
    serve.start("--cert", str(cert), "--key", str(key))
    origin = f"https://127.0.0.1:{serve.port}"
    assert f"{origin}/" in serve.said and "labctl class cards" in serve.said
    trust = ssl.create_default_context(cafile=str(cert))
    form = urlencode({"code": load_codes(read_roll("mail")).of_seat(1)})
    connection = http.client.HTTPSConnection("127.0.0.1", serve.port, context=trust, timeout=20)
    status, _text, cookie = answered(connection, origin, "POST", "/login", form, "")
    assert status == 303
    assert {"Secure", "HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    with pytest.raises((OSError, http.client.HTTPException)):
        serve.ask("GET", "/login")
    old = ssl.create_default_context(cafile=str(cert))
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with suppress(OSError), socket.create_connection(("127.0.0.1", serve.port), 20) as plug:
        old.wrap_socket(plug, server_hostname="127.0.0.1")
        pytest.fail("TLS 1.1 was accepted")


def test_a_certificate_without_its_key_is_refused(serve: Serve) -> None:
    (serve.folder / "other").mkdir()
    cert, _key = certificate(serve.folder)
    _cert, key = certificate(serve.folder / "other")
    assert serve.start("--cert", str(cert), "--key", str(key), waits=False).wait(20) != 0
    assert "the certificate or its key cannot be used" in serve.said
    assert "Traceback" not in serve.said


def test_an_encrypted_key_is_refused_without_a_question(serve: Serve) -> None:
    cert, key = certificate(serve.folder)
    locked = serve.folder / "locked.pem"
    argv = ["openssl", "pkey", "-in", str(key), "-out", str(locked)]
    argv += ["-aes256", "-passout", "pass:secret"]
    subprocess.run(argv, check=True, capture_output=True)
    assert serve.start("--cert", str(cert), "--key", str(locked), waits=False).wait(20) != 0
    assert f"the key {locked} is encrypted" in " ".join(serve.said.split())
    assert "openssl pkey" in serve.said and "pass phrase:" not in serve.said


def test_ctrl_c_ends_a_board_that_is_starting(serve: Serve) -> None:
    process = serve.start(waits=False)
    wait_until(lambda: any(b"labctl.board" in command_of(pid) for pid in serve.children()), "", 60)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert "Traceback" not in serve.said


@pytest.mark.parametrize("stays", [False, True])
def test_a_closed_terminal_ends_the_board_but_not_with_nohup(serve: Serve, stays: bool) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if stays else signal.SIG_DFL)
    try:
        process = serve.start()
    finally:
        signal.signal(signal.SIGHUP, before)
    process.send_signal(signal.SIGHUP)
    if not stays:
        assert process.wait(20) == 0
        return
    assert serve.ask("GET", "/login")[0] == 200
    assert process.poll() is None


def test_no_other_user_reaches_the_helper(serve: Serve) -> None:
    serve.start()
    lines = Path(f"/proc/{serve.web()}/status").read_text()
    assert "\nUid:\t0" not in lines and "\nNoNewPrivs:\t1" in lines
    (place,) = places()
    script = f"import socket; socket.socket(socket.AF_UNIX).connect('{place}/helper')"
    argv = ["setpriv", "--reuid", "33", "--clear-groups", "/usr/bin/python3", "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "PermissionError" in done.stderr
