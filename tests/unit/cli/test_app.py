"""The program as a whole: help, version, exit codes, interrupts, one error document."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from labctl import __version__
from labctl.cli import app, main
from labctl.cli.app import _up_again, run
from labctl.cli.defect import as_defect
from labctl.errors import ExitCode
from labctl.home import STATE_VARIABLE, lab_home
from labctl.state import LabState, write_state
from tests.unit.cli.program import labctl, labctl_process


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_help_names_every_command(lang: str) -> None:
    told = labctl("--lang", lang, "--help", code=0).out
    commands = {line.split()[0] for line in told.splitlines() if line.startswith("  ")}
    assert {"up", "test-mail", "reset", "status", "ssh", "logs", "net", "destroy"} <= commands


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("words", ["", "class", "drill"])
def test_no_summary_of_a_command_is_cut(words: str, lang: str) -> None:
    told = labctl("--lang", lang, *words.split(), "--help", code=0, env={"COLUMNS": "80"}).out
    assert told.count("...") == told.count("[ARGS]...") == 1


@pytest.mark.parametrize("words", ["", "up", "check", "class", "class up", "class move", "drill"])
def test_the_frame_of_a_help_page_is_in_the_users_language(words: str) -> None:
    japanese = labctl("--lang", "ja", *words.split(), "--help", code=0).out
    assert japanese.startswith("使い方: labctl")
    assert "この説明を表示します。" in japanese
    # Names in capitals, options and paths are the same in both.
    assert not re.findall(
        r"^(?:Usage|Options|Arguments|Commands)|\[(?:env var|default|req)", japanese
    )
    assert labctl("--lang", "en", *words.split(), "--help", code=0).out.startswith("Usage: labctl")


def test_version() -> None:
    assert labctl("--version", code=0).out == f"labctl {__version__}\n"


def modules_of(word: str) -> set[str]:
    """The modules that a command of labctl loads, in a process of its own."""
    script = (
        f"import sys; before = set(sys.modules); sys.argv = ['labctl', '{word}']\n"
        "from labctl.cli import main\n"
        "try: main()\n"
        "except SystemExit: print('\\n'.join(set(sys.modules) - before), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines())


def test_help_imports_typer_and_the_standard_library_only() -> None:
    seen = {name.partition(".")[0] for name in modules_of("--help")}
    typers = {"typer", "click", "annotated_doc", "shellingham", "typing_extensions"}
    assert "typer" in seen
    assert seen - set(sys.stdlib_module_names) - typers - {"labctl", "__mp_main__"} == set()


def test_a_lab_of_one_provider_loads_no_other() -> None:
    write_state(lab_home("default"), LabState(provider="nspawn", fingerprint="x"))
    loaded = {name for name in modules_of("status") if name.endswith(".provider")}
    assert loaded == {"labctl.providers.nspawn.provider"}


@pytest.mark.parametrize(
    "words",
    [
        "test-mail", "check", "trace last", "report x.html", "thunderbird", "drill start --random",
        "drill start --level 2", "reset --yes", "diff", "logs", "ssh host1", "credentials",
        "net close", "down", "reset --undo", "checkpoints --remove before-reset-1",
    ],
)  # fmt: skip
def test_a_lab_that_was_never_made_is_told_with_the_command_that_makes_it(words: str) -> None:
    refused = labctl(*words.split(), "--name", "nowhere", code=4)
    assert refused.err.splitlines()[-2:] == ["hint:", "  labctl up --name nowhere"]


def test_a_hint_never_completes_a_lab_in_which_somebody_works_by_hand() -> None:
    state = LabState(provider="nspawn", fingerprint="x", complete="dns")
    write_state(lab_home("default"), state)
    refused = labctl("credentials", code=4)
    assert refused.err.splitlines()[-1] == "  labctl up --until dns"
    told = labctl("credentials", "--json", code=4).json["error"]
    assert told["commands"] == [["labctl", "up", "--until", "dns"]]


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        (["up"], ()),
        (["up", "--until", "dns"], ("--until", "dns")),
        (["up", "--until=os"], ("--until", "os")),
    ],
)
def test_a_hint_of_up_goes_as_far_as_it_was_to_go(words: list[str], ends: tuple[str, ...]) -> None:
    state = LabState(provider="nspawn", fingerprint="x", complete="packages")
    write_state(lab_home("default"), state)
    assert _up_again(words) == ("labctl", "up", *ends)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["up", "--unknown"], "--unknown"),
        (["unknown"], "unknown"),
        (["net", "ajar"], "ajar"),
        (["net"], "open|close"),
        (["test-mail", "--timeout", "soon"], "--timeout"),
        (["test-mail", "--timeout", "-1"], "--timeout"),
        (["test-mail", "--timeout", "nan"], "--timeout"),
        (["test-mail", "--stress", "--all"], "--stress cannot be combined with other tests"),
        (
            ["test-mail", "--stress", "--repeat", "2"],
            "--stress cannot be combined with other tests",
        ),
        (["test-mail", "--stress", "--messages", "9"], "--messages"),
        (["test-mail", "--messages", "90"], "--messages requires --stress"),
        (["check", "--list", "--watch"], "--list and --watch"),
        (["check", "--list", "--junit", "file"], "--list and --junit"),
        (["reset", "--undo", "--to", "dns"], "--undo and --to"),
        (["drill", "start", "port-closed", "--random"], "port-closed and --random"),
        (["drill", "start", "port-closed", "--level", "1"], "port-closed and --level"),
        (["--lang", "fr", "status"], "ja, en"),
        (["up", "--checkpoints", "some"], "every"),
        (["up", "--provider", "docker"], "vagrant, nspawn"),
    ],
)
def test_a_wrong_command_line_ends_with_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["check", "--junit"],
        ["test-mail", "--junit"],
        ["trace", "--pcap"],
        ["report"],
        ["class", "check", "--junit"],
        ["class", "check", "--csv"],
        ["class", "cards", "--output"],
    ],
    ids=" ".join,
)
def test_a_file_in_a_folder_that_does_not_exist_is_refused_before_the_work(
    words: list[str], tmp_path: Path
) -> None:
    told = labctl(*words, str(tmp_path / "none" / "file"), code=2).err
    assert told.splitlines()[:2] == [
        f"error: {tmp_path / 'none' / 'file'} cannot be written",
        f"  there is no folder {tmp_path / 'none'}",
    ]
    assert not (tmp_path / "none").exists()


def test_no_words_at_all_are_answered_with_the_help() -> None:
    assert "Commands:" in labctl(code=2).err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["up", "--until", "nowhere"], 2),
        (["up", "--unknown"], 2),
        (["status", "--name", "NO"], 2),
        (["destroy"], 2),
        (["check", "--watch"], 2),
        (["reset", "--yes"], 4),
        (["test-mail"], 4),
        (["credentials", "--name", "other"], 4),
    ],
)
def test_an_error_with_json_is_one_document_on_standard_output(
    words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    _made("default")
    assert run([*words, "--json"]) == code
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["exit_code"] == code
    assert document["ok"] is False
    assert document["error"]["message"]
    assert document["error"]["hint"]
    for command in document["error"]["commands"]:
        assert " ".join(command) in document["error"]["hint"]
    assert err == ""


def test_a_hosts_own_json_option_is_not_labctls() -> None:
    ended = labctl("ssh", "nowhere", "--", "ip", "--json", code=2)
    assert "nowhere" in ended.err
    assert ended.out == ""


@pytest.mark.posix
def test_a_name_that_is_no_text_is_told_all_the_same(tmp_path: Path) -> None:
    ended = labctl_process("render", "host1", "--json", "--lab", b"\xff.toml", code=2)
    assert ended.json["error"]["message"].encode(errors="surrogateescape").count(b"\xff") == 1


def test_a_terminal_without_japanese_is_no_reason_to_fail() -> None:
    labctl_process(
        "--lang", "ja", "status", "--name", "NO", code=2, env={"PYTHONIOENCODING": "ascii"}
    )


def test_a_folder_that_cannot_be_written_is_the_machines_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = labctl("destroy", "--yes", code=3, env={STATE_VARIABLE: str(tmp_path / "file")})
    assert str(tmp_path / "file") in ended.err
    assert "hint:" in ended.err


def test_a_reader_that_goes_away_hears_no_complaint() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "labctl", "--help"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert done.stderr == ""


def test_a_pipe_that_is_closed_during_a_command_is_not_the_machines_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Windows reports it as OSError, which otherwise means a problem of the machine."""

    def write(**_words: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(app, "_Interrupts", lambda: SimpleNamespace(seen=False))
    monkeypatch.setattr(app, "build", lambda: write)
    monkeypatch.setattr(app, "is_closed_pipe", lambda _error: False)
    assert app.run(["steps"]) == 3
    monkeypatch.setattr(app, "is_closed_pipe", lambda _error: True)
    with pytest.raises(OSError, match="Invalid argument"):
        app.run(["steps"])


@pytest.mark.posix
@pytest.mark.parametrize("words", [["steps"], ["steps", "--json"], ["reset", "--json", "--yes"]])
def test_what_finds_no_room_is_the_machines_fault(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "labctl", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert os.strerror(errno.ENOSPC) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["steps"], ["check", "--json"]])
def test_a_defect_of_labctl_is_told_without_a_trace_which_is_kept_in_a_file(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(_words: object) -> int:
        raise ValueError("not for a person")

    monkeypatch.setattr(app, "run", fails)
    monkeypatch.setattr(sys, "argv", ["labctl", *words])
    monkeypatch.setenv("LABCTL_STATE_DIR", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == ExitCode.DEFECT
    told = "".join(capsys.readouterr())
    assert "a defect of its own" in told and str(tmp_path / "defect.txt") in told
    assert "ValueError" not in told and "not for a person" not in told
    assert ("exit_code" in told) is ("--json" in words)
    assert "ValueError: not for a person" in (tmp_path / "defect.txt").read_text("utf-8")


def test_a_defect_is_told_although_its_file_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LABCTL_STATE_DIR", str(tmp_path / "file"))
    assert as_defect(ValueError()).hint.text == "please report it"


@pytest.mark.posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "labctl", "render", "host1", "--lab", _endless(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LABCTL_LANG": "en"},
    )
    _await_reader(tmp_path)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert err.startswith("interrupted")
    assert len(err.splitlines()) == 1


@pytest.mark.posix
@pytest.mark.parametrize(("typed", "code"), [(b"\x03", 130), (b"n\n", 1), (b"\x04", 1)])
def test_ctrl_c_at_a_question_is_no_answer(typed: bytes, code: int) -> None:
    # Use a separate terminal, where Ctrl-C is a signal.
    script = (
        "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "sys.argv = ['labctl', 'destroy']\n"
        "from labctl.cli import main; main()"
    )
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "LABCTL_LANG": "en"},
        start_new_session=True,
    )
    assert process.stderr is not None
    asked = b""
    while b"[y/N]" not in asked:
        asked += os.read(process.stderr.fileno(), 100)
    os.write(ours, typed)
    told = process.communicate(timeout=20)[1].decode()
    assert process.returncode == code
    assert ("interrupted" if code == 130 else "nothing was done") in told
    os.close(theirs)
    os.close(ours)


def _endless(folder: Path) -> str:
    """A lab file that blocks its reader forever."""
    os.mkfifo(folder / "lab.toml")
    return str(folder / "lab.toml")


def _await_reader(folder: Path) -> None:
    """Wait until a process has opened the file for reading."""
    until = time.monotonic() + 20
    while True:
        try:
            os.open(folder / "lab.toml", os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            assert error.errno == errno.ENXIO
            assert time.monotonic() < until
            time.sleep(0.01)
        else:
            return


def test_the_second_labctl_is_told_who_is_at_work() -> None:
    script = (
        "import sys; from labctl.home import lab_home; from labctl.lock import locked\n"
        "sys.argv = ['labctl', 'reset', '--yes']\n"
        "with locked(lab_home('default')): print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told = labctl("destroy", "--yes", code=4).err
        assert f"pid {holder.pid}: labctl reset --yes" in told
        assert "hint:" in told
        holder.kill()
    # The kernel releases the lock when its holder ends.
    labctl("destroy", "--yes", code=0)
    # Windows removes no file that is open, such as a lock that is held.
    assert sys.platform == "win32" or not lab_home("default").lock_file.exists()


def test_a_made_lab_that_does_not_run_is_said_to_be_down() -> None:
    _made("class-a")
    told = labctl("test-mail", "--name", "class-a", code=4).err
    assert "the lab class-a is not running" in told
    assert "labctl up --name class-a" in told


@pytest.mark.parametrize("command", ["ssh", "logs", "render"])
def test_an_unknown_host_is_answered_with_the_hosts(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _made("default")
    assert run([command, "host9"]) == 2
    told = capsys.readouterr().err
    assert "host9" in told
    assert "host1, host2" in told


def _made(name: str) -> None:
    write_state(lab_home(name), LabState(provider="nspawn", fingerprint="x"))


def test_json_of_a_good_answer_is_one_document() -> None:
    _made("default")
    (lab,) = labctl("status", "--json", code=0).json["data"]["labs"]
    assert [host["state"] for host in lab["hosts"]] == ["absent", "absent"]


@pytest.mark.parametrize("option", [["--name", "class-a"], ["--name=class-a"]])
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_hints_commands_work_on_the_lab_that_was_named(option: list[str], lang: str) -> None:
    _made("class-a")
    home = lab_home("class-a")
    home.credentials_file.write_text('{"passwords": {"user1": "x", "user2": "y"}}')
    told = labctl("--lang", lang, "drill", "check", *option, code=4).err
    assert "labctl drill start --name class-a --random" in told
    (home.state / "nspawn.json").write_text("{")
    told = labctl("--lang", lang, "reset", "--yes", *option, code=4).err
    assert "labctl destroy --name class-a" in told
    assert "labctl up --name class-a" in told
    assert told.count("--name") == 2
    told = labctl("--lang", lang, "trace", "1", "--pcap", "x", *option, code=2).err
    assert "labctl trace --name class-a --transcript" in told


def test_the_status_of_a_named_lab_says_how_that_one_is_made() -> None:
    assert "labctl up --name class-a makes it" in labctl("status", "--name", "class-a", code=0).out


def test_a_lab_that_cannot_be_read_does_not_hide_the_others() -> None:
    for name in ("class-a", "class-b"):
        _made(name)
    lab_home("class-a").state_file.write_text("{")
    spoilt, good = labctl("status", "--all", "--json", code=0).json["data"]["labs"]
    assert (spoilt["name"], spoilt["hosts"]) == ("class-a", [])
    assert str(lab_home("class-a").state_file) in spoilt["problem"]
    assert (good["name"], len(good["hosts"]), good["problem"]) == ("class-b", 2, "")
    assert "cannot be read" in labctl("status", "--all", code=0).out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that is in use")
def test_a_current_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    script = 'rmdir "$PWD"; exec "$0" -m labctl --lang "$1" status'
    for lang, message in (
        ("en", "error: the current folder does not exist any more\n"),
        ("ja", "エラー: 現在のフォルダーはもう存在しません\n"),
    ):
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            ["sh", "-c", script, sys.executable, lang],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 3
        assert done.stderr.startswith(message)
