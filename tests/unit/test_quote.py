"""Every word reaches a shell unchanged. A canary file shows if a part of it was executed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.endpoint import Endpoint
from labctl.errors import CommandFailed
from labctl.quote import shell_line, typed_line
from labctl.run import run
from labctl.shell import ssh_command
from tests.unit.programs import python

# Print each word followed by a zero byte, which no word can contain.
ECHO = ["printf", "%s\\0"]
NASTY = [
    "a b", "'", '"', ";touch canary", "$(touch canary)", "`touch canary`", "a\nb", "|touch canary",
    "&touch canary", "$HOME", "${x:=1}", "*", "~", "\\", "-n", "--", "", "日本語", ">canary", "!!",
]  # fmt: skip
# Any text that can be a word: no zero byte, and valid UTF-8.
WORDS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
    | st.sampled_from(NASTY),
    max_size=5,
)


def words_said(output: str) -> list[str]:
    return output.split("\0")[:-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to run in. A word that is executed would leave a canary there."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def shell(line: str, folder: Path, path: str = "") -> str:
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        capture_output=True,
        check=True,
        env={**os.environ, "HOME": str(folder), "PATH": f"{path}:{os.environ['PATH']}"},
    )
    return done.stdout.decode()


@pytest.mark.posix
@given(WORDS)
def test_a_shell_reads_back_exactly_the_words(folder: Path, words: list[str]) -> None:
    assert words_said(shell(shell_line([*ECHO, "mark", *words]), folder)) == ["mark", *words]
    assert list(folder.iterdir()) == []


@given(WORDS)
def test_a_command_here_gets_exactly_the_words(folder: Path, words: list[str]) -> None:
    echo = python("for word in sys.argv[1:]: os.write(1, word.encode() + bytes(1))")
    said = run([*echo, "mark", *words], cwd=folder).stdout
    # As in the output of any command, the line ends of Windows become \n.
    lines = ["mark", *(word.replace("\r\n", "\n") for word in words)]
    assert words_said(said) == lines
    assert list(folder.iterdir()) == []


@pytest.mark.posix
def test_a_failed_command_is_told_as_one_could_type_it(folder: Path) -> None:
    with pytest.raises(CommandFailed) as failed:
        run(["sh", "-c", 'printf %s "$0"; exit 9', "$(touch canary); a\nb"])
    told = failed.value.command.replace("exit 9", "exit 0")
    assert shell(told, folder) == "$(touch canary); a\nb"
    assert list(folder.iterdir()) == []


# A stand-in for sudo(8) on the host: it ignores its options and runs the words.
SUDO = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


def endpoint(folder: Path) -> Endpoint:
    return Endpoint("host1", "192.0.2.1", 22, "root", folder / "key", folder / "known")


def on_a_host(words: Sequence[str], tmp_path: Path, folder: Path, user: str = "user1") -> str:
    """Do what sshd does: the login shell interprets the last word of the command line."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "sudo").write_text(SUDO)
    (programs / "sudo").chmod(0o755)
    line = ssh_command(endpoint(tmp_path), user, words, terminal=False)[-1]
    return shell(line, folder, path=str(programs))


@pytest.mark.posix
@given(WORDS)
def test_several_words_reach_a_hosts_command_as_they_are(
    tmp_path: Path, folder: Path, words: list[str]
) -> None:
    assert words_said(on_a_host([*ECHO, "mark", *words], tmp_path, folder)) == ["mark", *words]
    assert list(folder.iterdir()) == []


@pytest.mark.posix
def test_one_word_alone_is_a_shell_command_on_the_host(tmp_path: Path, folder: Path) -> None:
    loop = "for each in 1 2\ndo echo $each\ndone"
    assert on_a_host([loop], tmp_path, folder) == "1\n2\n"
    assert on_a_host(["sh", "-c", loop], tmp_path, folder) == "1\n2\n"


@pytest.mark.posix
def test_a_user_name_never_becomes_a_command(tmp_path: Path, folder: Path) -> None:
    for user in NASTY:
        on_a_host(["true"], tmp_path, folder, user=user)
    assert list(folder.iterdir()) == []


@pytest.mark.posix
def test_the_lab_is_reached_by_its_own_keys_alone(tmp_path: Path) -> None:
    words = ssh_command(endpoint(tmp_path), "ubuntu", [], terminal=True)
    assert "StrictHostKeyChecking=yes" in words
    assert f'UserKnownHostsFile="{tmp_path / "known"}"' in words
    assert words[-2:] == ["--", "sudo -n -i --user=ubuntu"]


@pytest.mark.posix
@pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")
@pytest.mark.parametrize("name", ["a b", 'a"b', "100%h", "a\\b", "$(touch canary)", "山田"])
def test_the_real_ssh_reads_the_keys_from_any_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "key").touch()
    words = ssh_command(endpoint(tmp_path / name), "ubuntu", [], terminal=False)
    told = run([words[0], "-G", *words[1:]]).stdout.splitlines()
    assert f"userknownhostsfile {tmp_path / name / 'known'}" in told
    assert f"identityfile {tmp_path / name.replace('%', '%%') / 'key'}" in told


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["labctl", "up", "--name", "b"], "labctl up --name b"),
        (["setx", "VAGRANT_HOME", "C:\\vagrant"], "setx VAGRANT_HOME C:\\vagrant"),
        # PowerShell takes a line that begins with a quote for a text.
        (["C:\\Program Files\\a.exe", "list"], "& 'C:\\Program Files\\a.exe' list"),
        (["a", "it's $x"], "a 'it''s $x'"),
        (["a", "x,y", "@z", "太郎"], "a 'x,y' '@z' '太郎'"),
    ],
)
def test_on_windows_a_line_is_typed_in_powershell(
    words: list[str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.quote.sys.platform", "win32")
    assert typed_line(words) == line


def test_elsewhere_a_line_is_typed_in_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labctl.quote.sys.platform", "darwin")
    assert typed_line(["a", "it's"]) == shell_line(["a", "it's"])
