"""What the way to a host promises (labctl.remote.Remote), as tests.

A subclass gives the fixture `bench`. A fake host is given the answers below, which are those
of a real one; what is tested is what `Remote` makes of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from labctl.errors import CommandFailed, ExitCode, WrongState
from labctl.managed import ManagedFile
from labctl.remote import Remote

NOTE = "/etc/labctl-host-contract"
SAYS_BOTH = "echo out; echo err >&2; exit 3"
# Nothing listens here.
CLOSED = 9
# sshd answers here, with its banner first.
OPEN = 22


@dataclass(frozen=True)
class HostBench:
    """One host. `stop` and `start` take its power away and give it back."""

    connect: Callable[[], Remote]
    stop: Callable[[], None]
    start: Callable[[], None]


class HostContract:
    """The promises of run, script, stream, install and open_tcp."""

    @pytest.fixture
    def bench(self) -> HostBench:
        raise NotImplementedError

    def test_a_commands_words_arrive_as_they_are(self, bench: HostBench) -> None:
        words = ["printf", "%s|", "$HOME", "a b", "'", ""]
        with bench.connect() as remote:
            done = remote.run(words)
        assert done.stdout == "$HOME|a b|'||"
        assert done.argv == tuple(words)
        assert done.ok

    def test_a_command_runs_as_root_or_as_the_user_asked_for(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            assert remote.run(["id", "-un"]).stdout == "root\n"
            assert remote.run(["id", "-un"], user="nobody").stdout == "nobody\n"

    def test_a_command_reads_its_input_to_the_end(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            assert remote.run(["cat"], stdin="日本\n").stdout == "日本\n"
            assert remote.run(["cat"], stdin=b"bytes").stdout == "bytes"
            assert remote.run(["cat"]).stdout == ""

    def test_a_failed_command_raises_with_its_words(self, bench: HostBench) -> None:
        with bench.connect() as remote, pytest.raises(CommandFailed) as failed:
            remote.run(["sh", "-c", SAYS_BOTH])
        assert failed.value.returncode == 3
        assert failed.value.output == "out\nerr\n"
        assert failed.value.command == f"sh -c '{SAYS_BOTH}'"
        assert failed.value.message.startswith("host1: ")
        assert failed.value.exit_code is ExitCode.FAILED

    def test_a_failed_command_is_an_answer_if_that_is_asked_for(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            done = remote.run(["sh", "-c", SAYS_BOTH], check=False)
        assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
        assert not done.ok

    def test_a_command_that_takes_too_long_is_given_up(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            for check in (True, False):
                with pytest.raises(CommandFailed) as failed:
                    remote.run(["sleep", "5"], timeout=0.3, check=check)
                assert failed.value.returncode == 124
            assert remote.run(["id", "-un"]).stdout == "root\n"

    def test_a_script_gets_its_arguments_and_its_input(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            done = remote.script('cat; echo "$1,$2"', "a b", "c", stdin="in\n")
        assert done.stdout == "in\na b,c\n"

    def test_a_failed_script_is_named_and_never_shown(self, bench: HostBench) -> None:
        with bench.connect() as remote, pytest.raises(CommandFailed) as failed:
            remote.script(SAYS_BOTH)
        assert failed.value.returncode == 3
        assert "echo" not in failed.value.message
        assert failed.value.output == "out\nerr\n"

    def test_lines_are_streamed_in_order(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            assert list(remote.stream(["printf", "one\\ntwo\\nthree"])) == ["one", "two", "three"]

    def test_files_are_installed_once(self, bench: HostBench) -> None:
        file, other = ManagedFile(NOTE, "text\n"), ManagedFile(f"{NOTE}-2", "other\n", mode=0o600)
        with bench.connect() as remote:
            remote.install([ManagedFile(NOTE, ""), ManagedFile(f"{NOTE}-2", "")])
            assert remote.install([file, other]) == [NOTE, f"{NOTE}-2"]
            assert remote.run(["cat", NOTE]).stdout == "text\n"
            assert remote.install([file, other]) == []
            assert remote.install([]) == []

    def test_a_files_owner_and_mode_are_part_of_it(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            remote.install([ManagedFile(NOTE, "text\n")])
            assert remote.install([ManagedFile(NOTE, "text\n", mode=0o600)]) == [NOTE]
            assert remote.install([ManagedFile(NOTE, "text\n", 0o600, owner="nobody")]) == [NOTE]
            assert remote.install([ManagedFile(NOTE, "text\n", 0o600, owner="nobody")]) == []

    def test_a_file_that_is_not_there_is_the_commands_error(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            done = remote.run(["cat", "/nonexistent"], check=False)
        assert done.returncode == 1
        assert done.stderr == "cat: /nonexistent: No such file or directory\n"

    def test_a_connection_leads_to_what_listens_on_the_host(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            with remote.open_tcp("127.0.0.1", OPEN) as channel:
                assert channel.recv(4) == b"SSH-"
            with pytest.raises(ConnectionRefusedError):
                remote.open_tcp("127.0.0.1", CLOSED)

    def test_an_abandoned_connection_does_nothing_more(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            remote.install([ManagedFile(NOTE, "before\n")])
            remote.abandon()
            for action in (
                lambda: remote.run(["true"]),
                lambda: remote.script("true"),
                lambda: list(remote.stream(["true"])),
                lambda: remote.install([ManagedFile(NOTE, "after\n")]),
                lambda: remote.open_tcp("127.0.0.1", OPEN),
            ):
                with pytest.raises(WrongState) as gone:
                    action()
                assert gone.value.exit_code is ExitCode.STATE
        with bench.connect() as remote:
            assert remote.run(["cat", NOTE]).stdout == "before\n"

    def test_a_closed_connection_is_opened_again(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            remote.run(["id", "-un"])
            remote.close()
            assert remote.run(["id", "-un"]).stdout == "root\n"

    def test_a_host_without_power_is_a_wrong_state(self, bench: HostBench) -> None:
        with bench.connect() as remote:
            bench.stop()
            try:
                with pytest.raises(WrongState) as gone:
                    remote.run(["id", "-un"])
            finally:
                bench.start()
        assert "host1" in gone.value.message
