"""What the web process cannot use is told by the process that started it, with what to type."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from labctl.board import process
from labctl.classroom import board
from labctl.classroom.board import READY, WebSettings, _ensure_ready
from labctl.errors import LabError, MachineLacks

pytestmark = pytest.mark.posix
HERE = "127.0.0.1"


def with_certificate(folder: Path, cert: Path | None, key: Path | None) -> WebSettings:
    return WebSettings(
        class_name="mail",
        socket=folder / "helper",
        host=HERE,
        port=8443,
        cert=cert,
        key=key,
        uid=1,
        gid=1,
    )


def test_a_port_in_use_is_told_with_the_option_for_another_one() -> None:
    with (
        socket.create_server((HERE, 0)) as taken,
        pytest.raises(MachineLacks, match=f"port {taken.getsockname()[1]}") as caught,
    ):
        port = taken.getsockname()[1]
        settings = with_certificate(Path(), None, None).model_copy(update={"port": port})
        process._bound(settings)
    (line,) = caught.value.hint.commands
    assert "--port" in line and "--host" in line


def test_a_certificate_that_cannot_be_used_is_told_with_the_options(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    settings = with_certificate(tmp_path, tmp_path / "none.pem", tmp_path / "none.key")
    with pytest.raises(MachineLacks) as caught:
        process.web_config(settings)
    (line,) = caught.value.hint.commands
    assert {"--cert", "--key"} <= set(line)


def test_an_encrypted_key_is_told_with_the_command_that_decrypts_it(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    pytest.importorskip("uvicorn")
    cert, key, plain = (tmp_path / name for name in ("cert.pem", "key.pem", "plain.pem"))
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "1"),
        *("-subj", "/CN=board", "-passout", "pass:secret", "-keyout", key, "-out", cert),
    )
    with pytest.raises(MachineLacks, match=f"the key {key} is encrypted") as caught:
        process.web_config(with_certificate(tmp_path, cert, key))
    decrypt, again = caught.value.hint.commands
    assert decrypt[:4] == ("openssl", "pkey", "-in", str(key)) and again[-1] == decrypt[-1]
    openssl(*decrypt[1:-1], plain, "-passin", "pass:secret")
    assert process.web_config(with_certificate(tmp_path, cert, plain)).is_ssl


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def test_ctrl_c_ends_a_web_process_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = [sys.executable, "-c", "import sys; sys.stdin.buffer.read()"]
    started: list[subprocess.Popen[bytes]] = []

    def start(_settings: WebSettings) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    async def serve(*_args: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(board, "_start_web", start)
    helper = mock.Mock(serve=serve)
    settings = with_certificate(tmp_path, None, None)
    done = asyncio.run(asyncio.wait_for(board._run(helper, settings, unexpected, lambda: True), 20))
    assert (done, started[0].poll() is not None) == (0, True)


def unexpected() -> None:
    pytest.fail("the web process was taken to be ready")


def test_the_other_process_raises_the_same_error() -> None:
    with socket.create_server((HERE, 0)) as taken, pytest.raises(MachineLacks) as caught:
        port = taken.getsockname()[1]
        settings = with_certificate(Path(), None, None).model_copy(update={"port": port})
        process._bound(settings)
    line = process.refused(caught.value)
    assert line.count(b"\n") == 1
    with pytest.raises(MachineLacks) as told:
        _ensure_ready(line)
    for name in ("message", "cause", "hint"):
        assert getattr(told.value, name) == getattr(caught.value, name)


def test_a_web_process_that_says_nothing_is_told_all_the_same() -> None:
    _ensure_ready(READY)
    with pytest.raises(LabError, match="the web page could not be started"):
        _ensure_ready(b"")
