"""What is different on Windows, imitated here; `make test-windows` runs all unit tests there."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from pathlib import Path, PureWindowsPath
from typing import cast

import pytest

from labctl import home, run, shell, ssh_connection
from labctl.endpoint import Endpoint
from labctl.errors import WrongState
from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.providers.incus import IncusProvider
from labctl.providers.incus.record import Place, write_place
from tests.unit.cli.program import labctl_process


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
    ended = labctl_process(
        "--lang", "ja", "steps", "--json", code=0, env={"PYTHONIOENCODING": "cp932"}
    )
    assert "DNSサーバーの構築" in json.dumps(ended.json, ensure_ascii=False)


def test_a_socket_without_keepalive_options_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "TCP_KEEPIDLE", -1, raising=False)
    monkeypatch.delattr(socket, "TCP_KEEPCNT", raising=False)
    with socket.socket() as plug:
        ssh_connection._tune(plug)
        assert plug.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.parametrize("found", [r"C:\Program Files\Incus\incus.exe", None])
def test_the_proxy_command_is_one_line_that_windows_splits_into_the_same_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: str | None
) -> None:
    """OpenSSH for Windows hands it to CreateProcess: no shell, and an absolute path."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(shutil, "which", lambda _name: found)
    lab = load_lab("far", _lab_file(tmp_path, 'provider = "incus"\nremote = "classroom"\n'))
    write_place(lab_home("far"), Place(remote="classroom", project="labctl-far"))
    endpoint = IncusProvider(lab, lab_home("far"))._endpoint(lab.hosts[0])
    argv = shell.ssh_command(endpoint, "ubuntu", [], terminal=False)
    [option] = [word for word in argv if word.startswith("ProxyCommand=")]
    line = option.removeprefix("ProxyCommand=").replace("%%", "%")
    assert "\n" not in line
    assert windows_words(line) == [found or "incus", *endpoint.proxy_command[1:]]


def windows_words(line: str) -> list[str]:
    """The words of a command line by the rules of Microsoft's C runtime."""
    words, word, is_quoted, slashes = [], "", False, 0
    for letter in f"{line} ":
        if letter == "\\":
            slashes += 1
            continue
        if letter == '"':
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                is_quoted = not is_quoted
        else:
            word += "\\" * slashes
            if letter in " \t" and not is_quoted:
                if word:
                    words.append(word)
                word = ""
            else:
                word += letter
        slashes = 0
    return words


def test_keys_are_named_by_paths_with_a_drive_and_blanks(tmp_path: Path) -> None:
    home_folder = PureWindowsPath(r"C:\Users\山田 太郎\AppData\Local\labctl\labs\a")
    key = cast(Path, home_folder / "key")
    endpoint = Endpoint("host1", "192.0.2.1", 22, "root", key, cast(Path, home_folder / "known"))
    argv = shell.ssh_command(endpoint, "ubuntu", [], terminal=False)
    # ssh_config(5): in quotation marks a backslash is doubled.
    assert r'IdentityFile="C:\\Users\\山田 太郎\\AppData\\Local\\labctl\\labs\\a\\key"' in argv


def test_the_client_path_of_incus_needs_no_module_of_posix() -> None:
    """What labctl itself imports on a laptop; its dependencies look at the system first."""
    missing = ("fcntl", "grp", "pwd", "pty", "termios", "resource")
    code = (
        "import sys, fabric, filelock, pydantic, tenacity, typer, rich.console, jinja2, dns.query\n"
        f"for name in {missing!r}: sys.modules[name] = None\n"
        "import labctl.providers.incus, labctl.providers.incus.many, labctl.shell, labctl.remote\n"
        "import labctl.tunnel, labctl.neighbour, labctl.engine, labctl.copies, labctl.reset\n"
        "import labctl.classroom.life, labctl.classroom.actions, labctl.cli.app\n"
    )
    done = run.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.ok, done.stderr


def _lab_file(folder: Path, text: str) -> Path:
    path = folder / "labctl.toml"
    path.write_text(text, encoding="utf-8")
    return path
