"""What counts as a change on a host, for whoever watches a lab: the board and `labctl check`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labctl.providers.nspawn.revision import revision
from labctl.providers.rootfs.cgroup import Cgroup, Hierarchies
from labctl.trees import entries

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's")


def changed(path: Path, change: Callable[[], object]) -> None:
    """Change a file until its time is another one: the clock of a file system has coarse steps."""
    before = path.stat().st_ctime_ns if path.exists() else 0
    while not path.exists() or path.stat().st_ctime_ns == before:
        change()


class Host:
    """A host's writable layer and its control group, as folders."""

    def __init__(self, folder: Path) -> None:
        self.upper = folder / "upper"
        self.group = folder / "cgroup" / "host1"
        self.group.mkdir(parents=True)
        for name in ("etc/postfix/main.cf", "var/named/example1.zone", "var/log/mail.log"):
            self.write(name)

    def write(self, name: str) -> None:
        path = self.upper / name
        path.parent.mkdir(parents=True, exist_ok=True)
        changed(path, lambda: path.write_text("text\n"))

    def run(self, service: str) -> None:
        (self.group / "system.slice" / service).mkdir(parents=True)

    def revision(self) -> str:
        return revision([(self.upper, Cgroup("host1"))])


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    found = Hierarchies(tmp_path / "cgroup", None)
    monkeypatch.setattr("labctl.providers.rootfs.cgroup.hierarchies", lambda: found)
    return Host(tmp_path)


def test_a_link_to_the_machines_own_files_is_not_followed(host: Host, tmp_path: Path) -> None:
    outside = tmp_path / "machine"
    outside.mkdir()
    (host.upper / "var" / "lib").mkdir(parents=True)
    (host.upper / "var" / "lib" / "bind").symlink_to(outside)
    before = host.revision()
    (outside / "new").touch()
    assert host.revision() == before


def test_nothing_changes_by_looking(host: Host) -> None:
    seen = host.revision()
    assert seen and host.revision() == seen


@pytest.mark.parametrize(
    "name",
    [
        "etc/postfix/main.cf",
        "etc/aliases",
        "var/named/example1.zone",
        "var/lib/bind/example1.zone",
        "var/cache/bind/example1.zone",
        "var/lib/dpkg/status",
        "var/lib/rpm/rpmdb.sqlite",
    ],
)
def test_a_written_or_new_setting_zone_or_package_is_a_change(host: Host, name: str) -> None:
    before = host.revision()
    host.write(name)
    assert host.revision() != before


@pytest.mark.parametrize(
    "name",
    [
        "var/log/mail.log",
        "home/user1/Maildir/new/1",
        "var/spool/postfix/deferred/1",
        "root/.bash_history",
    ],
)
def test_logs_mail_and_what_a_shell_writes_are_none(host: Host, name: str) -> None:
    before = host.revision()
    host.write(name)
    assert host.revision() == before


@pytest.mark.parametrize(
    "name", ["example1.zone.jnl", "managed-keys.bind", "managed-keys.bind.jnl", "named.run"]
)
def test_what_named_writes_beside_the_zones_is_none(host: Host, name: str) -> None:
    host.write(f"var/named/{name}")
    before = host.revision()
    host.write(f"var/named/{name}")
    assert host.revision() == before


def test_another_mode_is_a_change(host: Host) -> None:
    """A check fails if the mail server may not read its own settings."""
    before = host.revision()
    path = host.upper / "etc/postfix/main.cf"
    changed(path, lambda: path.chmod(0o600))
    assert host.revision() != before


def test_a_removed_file_is_a_change(host: Host) -> None:
    before = host.revision()
    (host.upper / "etc/postfix/main.cf").unlink()
    assert host.revision() != before


def test_files_that_do_not_count_use_up_the_limit_of_the_lab(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.providers.nspawn.revision._MOST", 10)
    for number in range(20):
        host.write(f"etc/bind/{number}.jnl")
    asked: list[str] = []
    walk = entries

    def counted(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
        for found in walk(folder):
            asked.append(found[0])
            yield found

    monkeypatch.setattr("labctl.providers.nspawn.revision.entries", counted)
    other = Host(tmp_path / "other")
    revision((each.upper, Cgroup("host1")) for each in (host, other))
    assert len(asked) == 10


def test_a_link_to_a_folder_is_one_entry(host: Host) -> None:
    (host.upper / "etc/alternatives").symlink_to(host.upper / "var/log")
    before = host.revision()
    host.write("var/log/mail.log")
    assert host.revision() == before


def test_a_service_that_starts_is_a_change(host: Host) -> None:
    before = host.revision()
    host.run("postfix.service")
    assert host.revision() != before


@pytest.mark.parametrize(
    "service",
    [
        "systemd-hostnamed.service",
        "user@1000.service",
        "user-runtime-dir@1000.service",
        "apt-daily.service",
        "dpkg-db-backup.service",
        "logrotate.service",
        "man-db.service",
        "e2scrub_all.service",
    ],
)
def test_a_login_or_a_timer_of_the_system_is_none(host: Host, service: str) -> None:
    before = host.revision()
    host.run(service)
    assert host.revision() == before


def test_each_host_of_a_lab_counts(host: Host, tmp_path: Path) -> None:
    other = Host(tmp_path / "other")

    def both() -> str:
        return revision((each.upper, Cgroup("host1")) for each in (host, other))

    before = both()
    other.write("etc/postfix/main.cf")
    assert both() != before
