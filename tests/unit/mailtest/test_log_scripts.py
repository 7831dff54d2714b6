"""The mail log is found wherever it is, and read across a rotation."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.scripts import Script
from tests.unit.mailtest.locally import ON_LINUX, Host

pytestmark = ON_LINUX

PLACES = Script("labctl.mailtest", "log-places.sh")
SINCE = Script("labctl.mailtest", "log-since.sh")
NEWEST = Script("labctl.mailtest", "log-newest.sh")
QUEUE_IDS = Script("labctl.mailtest", "queue-ids.sh")
QUEUE_CLEAR = Script("provision", "queue-clear.sh")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.program("postconf", "exit 1")
    host.program("systemctl", '[ "$3" = rsyslog ]')
    host.program("journalctl", "echo '-- cursor: s=1;i=2'")
    return host


@pytest.fixture
def log(host: Host) -> Path:
    log = host.path("/var/log/mail.log")
    log.write_text("one\ntwo\n")
    return log


def places(host: Host, log: Path) -> list[str]:
    return host.run(PLACES, str(log)).splitlines()[1:]


def mark(log: Path) -> tuple[str, str, str]:
    return str(log), str(log.stat().st_ino), str(log.stat().st_size)


def as_place(log: Path) -> str:
    path, inode, size = mark(log)
    return f"file {inode} {size} {path}"


def test_the_file_of_syslog(host: Host, log: Path) -> None:
    assert places(host, log) == [as_place(log)]


def test_the_journal_if_no_syslog_runs(host: Host, log: Path) -> None:
    host.program("systemctl", "exit 3")
    assert places(host, log) == ["journal s=1;i=2"]


def test_the_journal_if_syslog_has_not_written_yet(host: Host, tmp_path: Path) -> None:
    assert places(host, tmp_path / "none") == ["journal s=1;i=2"]


def test_a_journal_without_mail_has_no_cursor(host: Host, tmp_path: Path) -> None:
    host.program("journalctl", ":")
    assert places(host, tmp_path / "none") == ["journal "]


def test_postfixs_own_file_comes_first_and_dovecots_log_with_it(host: Host, log: Path) -> None:
    own = host.path("/var/log/postfix.log")
    own.write_text("x\n")
    host.program("postconf", f'echo "{own}"')
    assert places(host, log) == [as_place(own), as_place(log)]


def test_the_name_of_postfixs_own_file_may_hold_parameters(host: Host, log: Path) -> None:
    own = host.path("/var/log/mta.log")
    own.write_text("x\n")
    # postconf(1) only expands `$syslog_name` with -x.
    host.program("postconf", f'case $1 in *x*) echo "{own}" ;; *) echo "$syslog_name.log" ;; esac')
    assert places(host, log) == [as_place(own), as_place(log)]


def test_one_file_for_both_is_one_place(host: Host, log: Path) -> None:
    host.program("postconf", f'echo "{log}"')
    assert places(host, log) == [as_place(log)]


def test_standard_output_is_no_file(host: Host, log: Path) -> None:
    host.program("postconf", "echo /dev/stdout")
    assert places(host, log) == [as_place(log)]


def test_what_was_written_since(host: Host, log: Path) -> None:
    before = mark(log)
    assert host.run(SINCE, *before) == ""
    with log.open("a") as file:
        file.write("three\n")
    assert host.run(SINCE, *before) == "three\n"


def test_a_rotated_log_and_then_the_new_one(host: Host, log: Path) -> None:
    before = mark(log)
    with log.open("a") as file:
        file.write("three\n")
    log.rename(log.with_name("mail.log.1"))
    assert host.run(SINCE, *before) == "three\n"
    log.write_text("four\n")
    assert host.run(SINCE, *before) == "three\nfour\n"


def test_a_log_that_was_emptied_in_place(host: Host, log: Path) -> None:
    before = mark(log)
    with log.open("r+") as file:
        file.truncate()
        file.write("new\n")
    assert host.run(SINCE, *before) == "new\n"


def test_the_newest_lines_and_where_they_end(host: Host, log: Path) -> None:
    _path, inode, size = mark(log)
    assert host.run(NEWEST, str(log), "1") == f"two\n-- place: {inode} {size}\n"
    assert host.run(NEWEST, str(log), "9") == f"one\ntwo\n-- place: {inode} {size}\n"


def test_the_newest_lines_reach_back_over_a_rotation(host: Host, log: Path) -> None:
    log.rename(log.with_name("mail.log.1"))
    log.write_text("three\n")
    log.with_name("mail.log.2.gz").write_bytes(b"\x1f\x8b")
    lines = host.run(NEWEST, str(log), "2").splitlines()
    assert lines[:-1] == ["two", "three"]


@pytest.mark.parametrize("name", ["mail.log.2.gz", "mail.log-20261120.xz", "mail.log-20261120.bz2"])
def test_a_compressed_log_is_not_read(host: Host, log: Path, name: str) -> None:
    log.with_name("mail.log-20261126").write_text("old\n")
    log.with_name(name).write_bytes(b"\x1f\x8b")
    assert host.run(NEWEST, str(log), "3").splitlines()[:-1] == ["old", "one", "two"]


def queue(host: Host, name: str, message_id: str, *, whole: bool = True) -> None:
    folder = host.path(f"/var/spool/postfix/{name}")
    folder.mkdir(exist_ok=True)
    file = folder / message_id.partition("@")[0].replace(".", "")
    file.write_text(f"Subject: x\nMessage-ID: <{message_id}>\n\nMessage-ID: <labctl.1.quoted@x>\n")
    file.chmod(0o700 if whole else 0o600)


@pytest.fixture
def spool(host: Host) -> Host:
    spool = host.path("/var/spool/postfix")
    host.program("postconf", f'echo "{spool}"')
    queue(host, "maildrop", "labctl.1.a@example1.jp")
    queue(host, "deferred", "labctl.1.b@example1.jp")
    queue(host, "deferred", "labctl.2.c@example1.jp")
    queue(host, "incoming", "labctl.1.half@example1.jp", whole=False)
    queue(host, "active", "notice@example1.jp")
    for name in ("hold",):
        host.path(f"/var/spool/postfix/{name}").mkdir()
    return host


def test_whole_queue_files_of_the_run_count_once(spool: Host) -> None:
    found = spool.run(QUEUE_IDS, "labctl.1").splitlines()
    assert sorted(line.rpartition(":")[2].strip() for line in found) == [
        "<labctl.1.a@example1.jp>",
        "<labctl.1.b@example1.jp>",
    ]


def test_messages_of_the_run_are_deleted_and_no_others(spool: Host) -> None:
    told = spool.root / "told"
    spool.program("postsuper", f'cat >"{told}"')
    spool.run(QUEUE_CLEAR, "labctl.2", str(spool.path("/var/spool/postfix")))
    assert told.read_text().split() == ["labctl2c"]
