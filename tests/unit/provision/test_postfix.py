"""The step of main.cf: what it asks of the host, and what its script does there."""

from __future__ import annotations

import os
import subprocess
import sys
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from labctl.scripts import Script
from provision import postfix_check
from provision.postfix import STEP
from tests.fakes.host import FakeHost
from tests.fakes.target import fake_target


def applied(host: FakeHost) -> list[str]:
    return [change.kind for change in STEP.apply(fake_target(host))]


def test_main_cf_is_written_and_postfix_run_with_it() -> None:
    host = FakeHost("host1")
    host.says("postfix.sh", stdout="changed\tenabled\tpostfix\nchanged\trestarted\tpostfix\n")
    assert applied(host) == ["wrote", "enabled", "restarted"]
    assert "myhostname = mail.example1.jp" in host.files["/etc/postfix/main.cf"].content
    [ran] = host.ran
    postfix = fake_target(host).family.postfix
    assert ran.words == (
        *("postfix.sh", "yes", postfix.unit, postfix.running_unit, postfix.main_cf),
        *(postfix.master_cf, postfix.master_example, postfix.spool, postfix.chroot),
    )


def test_a_main_cf_that_is_right_is_told_to_the_script() -> None:
    host = FakeHost("host1")
    host.says("postfix.sh")
    applied(host)
    assert applied(host) == []
    assert host.ran[-1].words[1] == ""


class Machine:
    """A folder in the host's place, with a systemctl that keeps the unit's state in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.log = folder / "log"
        self.log.touch()
        self.main, self.master = folder / "main.cf", folder / "master.cf"
        self.example, self.spool = folder / "example", folder / "spool"
        self.main.write_text("main\n")
        self.master.write_text("master\n")
        self.example.write_text("example\n")
        (self.spool / "pid").mkdir(parents=True)
        self.program("systemctl", _SYSTEMCTL)
        self.program("pgrep", "exit 1")

    def program(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\nstate={self.folder}\n{text}\n")
        path.chmod(0o755)

    def run(self, *, running: bool, enabled: bool = True, changed: str = "") -> list[str]:
        """Run postfix.sh; returns what was asked of systemctl to change the unit."""
        (self.folder / "active").write_text("active" if running else "inactive")
        (self.folder / "enabled").write_text("enabled" if enabled else "disabled")
        self.log.write_text("")
        files = [self.main, self.master, self.example, self.spool]
        subprocess.run(
            [
                *("sh", "-euc", Script("provision", "postfix.sh").text, "sh", changed),
                *("postfix", "postfix@-", *map(str, files), ""),
            ],
            check=True,
            env={**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}"},
        )
        return self.log.read_text().splitlines()


_SYSTEMCTL = """
case $1 in
  is-active)
    read -r now <"$state/active"
    [ "$2" = --quiet ] || echo "$now"
    [ "$now" = active ] ;;
  show) echo "UnitFileState=$(cat "$state/enabled")"; echo "ActiveState=$(cat "$state/active")" ;;
  reset-failed) ;;
  enable) echo "$1 $3" >>"$state/log"; echo enabled >"$state/enabled" ;;
  *) echo "$*" >>"$state/log"; echo active >"$state/active" ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if sys.platform == "win32":
        pytest.skip("the hosts run Linux")
    return Machine(tmp_path)


def test_a_postfix_that_does_not_run_is_started(machine: Machine) -> None:
    assert machine.run(running=False) == ["restart postfix"]
    assert (machine.folder / "active").read_text().strip() == "active"


def test_a_postfix_that_runs_with_its_files_is_left_alone(machine: Machine) -> None:
    (machine.spool / "pid" / "master.pid").touch()
    assert machine.run(running=True) == []


def test_a_main_cf_that_was_written_restarts_postfix(machine: Machine) -> None:
    (machine.spool / "pid" / "master.pid").touch()
    assert machine.run(running=True, changed="yes") == ["restart postfix"]


@pytest.mark.parametrize("file", ["main.cf", "master.cf"])
def test_a_file_newer_than_the_running_postfix_restarts_it(machine: Machine, file: str) -> None:
    started = machine.spool / "pid" / "master.pid"
    started.touch()
    os.utime(machine.folder / file, (started.stat().st_mtime + 5,) * 2)
    assert machine.run(running=True) == ["restart postfix"]


def test_a_postfix_that_does_not_start_at_boot_is_enabled(machine: Machine) -> None:
    (machine.spool / "pid" / "master.pid").touch()
    assert machine.run(running=True, enabled=False) == ["enable postfix"]


def test_a_missing_master_cf_is_taken_from_the_example(machine: Machine) -> None:
    (machine.spool / "pid" / "master.pid").touch()
    machine.master.unlink()
    assert machine.run(running=True) == ["restart postfix"]
    assert machine.master.read_text() == "example\n"


def test_a_postfix_started_by_hand_is_stopped_first(machine: Machine) -> None:
    machine.program("pgrep", "exit 0")
    machine.program("postfix", 'echo "postfix $*" >>"$state/log"')
    assert machine.run(running=False) == ["postfix stop", "restart postfix"]


NETWORK = IPv4Network("192.168.1.0/24")


@pytest.mark.parametrize(
    ("words", "trusts"),
    [
        ("192.168.1.0/24 127.0.0.0/8", True),
        ("127.0.0.0/8 192.168.1.0/24", True),
        ("192.168.1.0/24 127.0.0.1", True),
        ("127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128 192.168.1.0/24", True),
        ("hash:/etc/postfix/network 127.0.0.0/8 192.168.1.0/24", True),
        # One of the two is missing, or only a part of the network is there.
        ("192.168.1.0/24", False),
        ("127.0.0.0/8", False),
        ("127.0.0.0/8 192.168.1.0/25", False),
        ("", False),
        # More than the hosts.
        ("127.0.0.0/8 192.168.0.0/16", False),
        ("127.0.0.0/8 192.168.1.0/24 192.0.2.7", False),
        ("0.0.0.0/0", False),
    ],
)
def test_the_hosts_network_and_the_loopback_may_relay_and_nothing_larger(
    words: str, trusts: bool
) -> None:
    assert postfix_check._trusts(words.split(), NETWORK) is trusts
