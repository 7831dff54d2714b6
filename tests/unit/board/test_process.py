"""What the web process cannot use is told by the process that started it, with what to type."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from labctl.board import process
from labctl.classroom.board import READY, WebSettings, _ensure_ready
from labctl.errors import LabError, MachineLacks

pytestmark = pytest.mark.posix
HERE = "127.0.0.1"


def test_a_port_in_use_is_told_with_the_option_for_another_one() -> None:
    with (
        socket.create_server((HERE, 0)) as taken,
        pytest.raises(MachineLacks, match=f"port {taken.getsockname()[1]}") as caught,
    ):
        process._bound(HERE, taken.getsockname()[1])
    (line,) = caught.value.hint.commands
    assert "--port" in line and "--host" in line


def test_a_certificate_that_cannot_be_used_is_told_with_the_options(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    settings = WebSettings(
        class_name="mail",
        socket=tmp_path / "helper",
        host=HERE,
        port=8443,
        cert=tmp_path / "none.pem",
        key=tmp_path / "none.key",
        uid=1,
        gid=1,
    )
    with pytest.raises(MachineLacks) as caught:
        process.web_config(settings)
    (line,) = caught.value.hint.commands
    assert {"--cert", "--key"} <= set(line)


def test_the_other_process_raises_the_same_error() -> None:
    with socket.create_server((HERE, 0)) as taken, pytest.raises(MachineLacks) as caught:
        process._bound(HERE, taken.getsockname()[1])
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
