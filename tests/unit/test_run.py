"""Local processes: arguments, output, exit, and missing programs."""

from __future__ import annotations

import os
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState
from labctl.quote import shell_line
from labctl.run import decoded, interactive, run, show, spawn
from tests.unit.programs import python


def test_both_outputs_and_the_status_come_back() -> None:
    done = run(python("print('out'); print('err', file=sys.stderr); sys.exit(3)"), check=False)
    assert (done.stdout, done.stderr, done.returncode, done.ok) == ("out\n", "err\n", 3, False)


def test_a_failure_names_the_command_its_status_and_its_last_words() -> None:
    command = python("print(*range(1, 21), sep='\\n'); sys.exit(7)")
    with pytest.raises(CommandFailed) as failed:
        run(command)
    assert failed.value.command == shell_line(command)
    assert failed.value.cause.splitlines() == ["exit 7", *(str(n) for n in range(13, 21))]


def test_what_goes_in_is_in_no_message() -> None:
    with pytest.raises(CommandFailed) as failed:
        run(python("sys.stdin.read(); sys.exit(1)"), stdin="user1:secret\n")
    assert "secret" not in repr(vars(failed.value)) + str(failed.value)


def test_a_command_that_is_not_fed_does_not_wait_for_a_keyboard() -> None:
    assert run(python("print(sys.stdin.read(), end='')"), timeout=20).stdout == ""


def test_a_command_that_runs_too_long_is_ended() -> None:
    with pytest.raises(CommandFailed, match=r"timed out after 0\.2 s"):
        run(python("time.sleep(60)"), timeout=0.2)


@pytest.mark.posix
def test_output_that_is_no_text_is_still_told() -> None:
    assert run(["printf", r"\377"]).stdout == "\N{REPLACEMENT CHARACTER}"


def test_commands_speak_one_language() -> None:
    command = python("print(os.environ['LC_ALL'], os.environ['OWN'])")
    assert run(command, env={"OWN": "x"}).stdout == "C.UTF-8 x\n"


def test_with_a_log_only_this_commands_lines_come_back(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "build.log"
    run(python("print('first')"), log=log)
    more = python("print('second', flush=True); print('third', file=sys.stderr)")
    assert run(more, log=log).stdout == "second\nthird\n"
    assert log.read_text() == "first\nsecond\nthird\n"


def test_a_program_that_is_not_there_is_the_machines_lack(tmp_path: Path) -> None:
    (tmp_path / "not-executable").touch(mode=0o644)
    (tmp_path / "no-program.exe").write_text("no program")
    (tmp_path / "no-program.exe").chmod(0o755)
    files = (str(tmp_path / name) for name in ("not-executable", "no-program.exe"))
    for name in ("labctl-no-such-program", *files):
        for start in (run, interactive, lambda argv: spawn(argv, log=tmp_path / "log")):
            with pytest.raises(MachineLacks) as lacks:
                start([name])
            assert name in lacks.value.message
            assert str(lacks.value.hint) == "labctl doctor"


@pytest.mark.parametrize("start", [run, spawn])
def test_a_log_that_cannot_be_written_is_no_program_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Callable[..., object]
) -> None:
    """As in a folder that `sudo labctl` made."""

    def refuse(path: Path, *_mode: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    log = tmp_path / "logs" / "vagrant.log"
    with pytest.raises(MachineLacks) as lacks:
        start(python("pass"), log=log)
    assert lacks.value.message == f"{log} cannot be written"
    assert lacks.value.cause == "Permission denied"
    assert "sudo" in str(lacks.value.hint)


@pytest.mark.posix
def test_what_outlives_labctl_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pid = spawn(["sh", "-c", "echo started; read forever"], log=log)
    until = time.monotonic() + 10
    while not log.exists() or not log.read_text():
        assert time.monotonic() < until
    # Its stdin is empty, so it ends by itself.
    assert os.waitpid(pid, 0)[0] == pid
    assert log.read_text() == "started\n"


def test_the_status_of_a_command_on_the_terminal_comes_back() -> None:
    assert interactive(python("sys.exit(5)")) == 5


@pytest.mark.posix
def test_a_command_ended_by_a_signal_is_told_as_a_shell_does() -> None:
    assert interactive(python("os.kill(os.getpid(), 15)")) == 128 + 15


@pytest.mark.posix
def test_a_page_is_shown_in_the_persons_browser_or_the_lack_of_one_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, shown = tmp_path / "a page.html", tmp_path / "shown"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >{shown}\n')
    browser.chmod(0o755)
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    # What Python itself found before, in this process.
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    with pytest.raises(MachineLacks) as lacks:
        show(page)
    assert str(page) in str(lacks.value.hint)

    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    show(page)
    assert shown.read_text() == page.as_uri() + "\n"


def test_a_watched_command_is_ended_as_soon_as_the_watcher_finds_an_error(tmp_path: Path) -> None:
    command = python("print('wrong key', flush=True); time.sleep(60)")

    def watch(said: str) -> LabError | None:
        return WrongState("the key does not fit") if "wrong key" in said else None

    begun = time.monotonic()
    with pytest.raises(WrongState, match="the key does not fit"):
        run(command, log=tmp_path / "log", watch=watch)
    assert time.monotonic() - begun < 20


def test_output_that_is_not_utf_8_is_decoded_somehow_and_lines_end_in_newlines() -> None:
    assert decoded("日本語\r\n".encode()) == "日本語\n"
    assert decoded("テスト\r\n".encode("cp932")).endswith("\n")


@pytest.mark.posix
def test_a_program_of_a_host_that_prints_without_end_is_ended() -> None:
    said = run(["sh", "-c", "echo seen >&2; yes"], check=False, timeout=30, most=100_000)
    assert said.stdout.startswith("y\n") and said.stderr == "seen\n"
    assert 100_000 <= len(said.stdout) < 400_000
    assert not said.ok


@pytest.mark.posix
def test_a_program_of_a_host_that_says_little_is_heard_to_its_end() -> None:
    assert run(["sh", "-c", "echo one; sleep 0.1; echo two"], most=1000).stdout == "one\ntwo\n"
    with pytest.raises(CommandFailed, match="timed out"):
        run(["sleep", "60"], timeout=0.2, most=1000)
