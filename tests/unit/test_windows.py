"""What is different on Windows, imitated here; `make test-windows` runs all unit tests there."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from labctl import home, remote, run
from labctl.errors import WrongState
from tests.unit.cli.program import labctl


def test_a_file_is_replaced_as_soon_as_its_reader_closes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, refusals = Path.replace, [1, 2]

    def replace_later(source: Path, target: Path) -> Path:
        if refusals:
            refusals.pop()
            raise PermissionError(13, "Access is denied", str(target))
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", replace_later)
    monkeypatch.setattr(sys, "platform", "win32")
    home.write_atomically(tmp_path / "state.json", "new")
    assert (tmp_path / "state.json").read_text(encoding="utf-8") == "new"


def test_a_file_that_stays_open_is_an_error_and_keeps_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_source: Path, target: Path) -> Path:
        raise PermissionError(13, "Access is denied", str(target))

    home.write_atomically(tmp_path / "state.json", "old")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        home.write_atomically(tmp_path / "state.json", "new")
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
    assert (tmp_path / "state.json").read_text(encoding="utf-8") == "old"


def test_a_folder_with_an_open_file_is_not_reported_as_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "open.log").touch()

    def refuse(path: str, **_options: object) -> None:
        raise PermissionError(13, "The process cannot access the file", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        with pytest.raises(WrongState, match="cannot be removed") as caught:
            home.remove_folder(tmp_path / "lab")
    assert caught.value.hint.commands == (("labctl", "destroy"),)
    shutil.rmtree(tmp_path / "lab")


def test_a_program_that_prints_in_the_code_page_of_the_console_is_understood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "_console_encoding", lambda: "cp932")
    assert run.decoded("空き容量\r\n".encode("cp932")) == "空き容量\n"
    assert run.decoded("空き容量\r\n".encode()) == "空き容量\n"


def test_json_is_utf_8_whatever_the_code_page() -> None:
    ended = labctl("--lang", "ja", "steps", "--json", code=0, env={"PYTHONIOENCODING": "cp932"})
    assert "DNSサーバーの構築" in json.dumps(ended.json, ensure_ascii=False)


def test_a_socket_without_keepalive_options_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "TCP_KEEPIDLE", -1, raising=False)
    monkeypatch.delattr(socket, "TCP_KEEPCNT", raising=False)
    with socket.socket() as connection:
        remote._tune(connection)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
