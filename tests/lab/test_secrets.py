"""Passwords appear only in credentials.json and where they are requested."""

from __future__ import annotations

import base64
import stat
import threading
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable
from typing import Self

import pytest

from labctl.home import lab_home
from labctl.providers.nspawn.lab_limits import LabGroup
from tests.lab.program import LAB, labctl, on_host
from tests.lab.traces import lab_id


class Processes:
    """Watch the arguments and environments of all processes while the block runs.

    This includes the processes of the hosts.
    """

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        # Verify the watcher itself: it finds a secret in both places.
        sleeper = [executable, "-c", "input()", "secret-argument"]
        with Popen(sleeper, stdin=PIPE, env={"CANARY": "secret-environment"}):
            while not (self.told(b"secret-argument") and self.told(b"secret-environment")):
                assert self._thread.is_alive()
                self._over.wait(0.01)
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    with suppress(OSError):
                        self.seen.add((process / name).read_bytes())

    def told(self, secret: bytes) -> bool:
        return any(secret in text for text in self.seen.copy())


class Told:
    """The output of labctl, by command."""

    def __init__(self) -> None:
        self.by_command: dict[str, bytes] = {}

    def run(self, *args: str, code: int | None = 0) -> None:
        ended = labctl(*args, code=code)
        self.by_command[" ".join(args)] = (ended.out + ended.err).encode()


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes() as found:
        yield found


@pytest.fixture(scope="module")
def told(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Create and use a lab with every command that prints."""
    report = tmp_path_factory.mktemp("report") / "report.html"
    found = Told()
    labctl("destroy", "--yes")
    found.run("up")
    found.run("test-mail", "--all")
    for words in (["up"], ["check"], ["diff"], ["status"], ["doctor"], ["checkpoints"], ["steps"],
                  ["logs"], ["render", "host1"], ["trace"], ["trace", "--transcript"]):  # fmt: skip
        found.run(*words, code=None)
        found.run(*words, "--json", code=None)
    found.run("test-mail", "--client", "--negative", "--json", code=None)
    found.run("reset", "--yes", "--json")
    found.run("report", str(report))
    found.by_command["the report"] = report.read_bytes()
    return found


@pytest.fixture(scope="module")
def secrets(told: Told) -> Mapping[str, bytes]:
    """Each password in each of its encodings, with a name for the failure message."""
    return dict(_written())


def _written() -> Iterator[tuple[str, bytes]]:
    for account in labctl("credentials", "--json").json["accounts"]:
        user, password = account["user"], account["password"]
        plain = f"\0{user}\0{password}"
        yield f"{user}", password.encode()
        yield f"{user}, in a URL", urllib.parse.quote(password, safe="").encode()
        for what, text in (("LOGIN", password), ("PLAIN", plain), ("PLAIN as", user + plain)):
            yield f"{user}, AUTH {what}", base64.b64encode(text.encode())


def found_in(text: bytes, secrets: Mapping[str, bytes]) -> list[str]:
    return [name for name, secret in secrets.items() if secret in text]


def test_a_search_finds_what_is_there(secrets: Mapping[str, bytes]) -> None:
    kept = lab_home(LAB).credentials_file
    assert {"user1", "user2"} <= set(found_in(kept.read_bytes(), secrets))
    assert {"user1", "user2"} <= set(found_in(labctl("credentials").out.encode(), secrets))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_no_command_prints_a_password(told: Told, secrets: Mapping[str, bytes]) -> None:
    assert {
        name: found for name, text in told.by_command.items() if (found := found_in(text, secrets))
    } == {}


def test_no_process_had_a_password_among_its_words(
    told: Told, processes: Processes, secrets: Mapping[str, bytes]
) -> None:
    assert any(b"postfix" in text for text in processes.seen), "the hosts' processes are seen"
    assert [name for name, secret in secrets.items() if processes.told(secret)] == []


def test_no_file_of_the_lab_holds_a_password(told: Told, secrets: Mapping[str, bytes]) -> None:
    home = lab_home(LAB)
    files = [path for path in _files(home.state) if path != home.credentials_file]
    assert any(path.name == "shadow" for path in files), "the hosts' own files are looked at"
    assert {str(path): found for path in files if (found := _found(path, secrets))} == {}


def test_no_file_or_log_of_a_running_host_holds_a_password(
    told: Told, secrets: Mapping[str, bytes]
) -> None:
    for host in ("host1", "host2"):
        root = Path(f"/proc/{LabGroup(lab_id()).host(host).init_pid()}/root")
        for folder in ("run", "tmp", "etc", "var/log", "var/spool", "var/mail", "home", "root"):
            found = {str(path): _found(path, secrets) for path in _files(root / folder)}
            assert {path: names for path, names in found.items() if names} == {}
        journal = on_host(host, "journalctl --no-pager --all --output=export").out.encode()
        assert b"saslauthd" in journal
        assert found_in(journal, secrets) == []


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _found(path: Path, secrets: Mapping[str, bytes]) -> list[str]:
    try:
        return found_in(path.read_bytes(), secrets)
    except FileNotFoundError:
        return []
