"""A student's mailboxes are the same after a test, byte for byte."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from labctl.scripts import Script
from tests.unit.mailtest.locally import ON_LINUX, Host

pytestmark = ON_LINUX

KEEP = Script("provision", "mailbox-keep.sh")
FIND = Script("provision", "mailbox-find.sh")
COUNT = Script("provision", "mailbox-count.sh")
CLEAR_QUEUES = Script("provision", "queue-clear.sh")
FREE = Script("provision", "mailbox-free.sh")
PUT_BACK = Script("provision", "mailbox-put-back.sh")
RUN = "labctl.0123456789abcdef"
TOKEN = f"{RUN}.message@example2.jp"

# Bytes that are no UTF-8, a body line that looks like a start, and a quoted From line.
OWN = (
    b"From user2@example2.jp  Fri Nov 27 01:00:00 2026\n"
    b"Subject: \x8e\x8e\x8c\xb1 and \xff\xfe\n"
    b"Message-ID: <lunch@example2.jp>\n"
    b"\n"
    b"At noon.\nFrom there we walk.\n\nFrom now on: no date here\n>From quoted\n"
    b"\n"
)
OTHER = (
    b"From user2@example2.jp  Fri Nov 27 02:00:00 2026\n"
    b"Subject: later\nMessage-ID: <later@example2.jp>\n\nText.\n\n"
)
TEST = (
    b"From user2@example2.jp  Fri Nov 27 01:30:00 2026\n"
    b"Subject: Test mail from user2\nMessage-ID: <%s>\n\nThis is test mail from user2\n\n"
) % TOKEN.encode()
NOTE = (
    b"From MAILER-DAEMON Fri Nov 27 01:00:00 2026\n"
    b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\nThis text is internal.\n\n"
)
BOUNCE = (
    b"From MAILER-DAEMON  Fri Nov 27 01:31:00 2026\n"
    b"Subject: Undelivered\nMessage-ID: <notice@example1.jp>\n\nMessage-ID: <%s>\n\n"
) % TOKEN.encode()

# What Dovecot writes into its lock.
DOVECOT = "316:host1.example1.jp\n"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def box(host: Host) -> Path:
    return host.path("/var/mail/user1")


def numbered(message: bytes, number: int) -> bytes:
    """The message as `mail` writes it back: with a status and a number."""
    return message.replace(b"\n\n", b"\nStatus: O\nX-UID: %d\n\n" % number, 1)


def keep(host: Host, *users: str) -> list[str]:
    """The folders of what was kept."""
    lines = host.run(KEEP, *users or ("user1",)).splitlines()
    return [line.partition(" ")[2] for line in lines if line.startswith("kept ")]


def put_back(host: Host, kept: str, *others: str) -> str:
    """What is locked. `others` are more users and their folders."""
    return host.run(PUT_BACK, TOKEN, str(host.path("/var/spool/postfix")), "user1", kept, *others)


def through_a_test(host: Host, box: Path, between: bytes) -> str:
    [kept] = keep(host)
    box.write_bytes(between)
    said = put_back(host, kept)
    assert not Path(kept).exists()
    return said


def test_a_lock_that_nobody_gives_back_is_told(host: Host, box: Path) -> None:
    lock = box.with_name("user1.lock")
    lock.touch()
    os.utime(lock, ns=(10**18, 10**18))
    kept, *locked = host.run(KEEP, "user1").splitlines()
    assert Path(kept.partition(" ")[2]).is_dir()
    assert locked == ["locked user1"]
    lock.unlink()
    assert len(host.run(KEEP, "user1").splitlines()) == 1


def test_a_box_that_mail_renumbered_comes_back_byte_for_byte(host: Host, box: Path) -> None:
    box.write_bytes(OWN)
    os.utime(box, ns=(10**18, 10**18))
    through_a_test(host, box, numbered(OWN, 1) + numbered(TEST, 2))
    assert box.read_bytes() == OWN
    assert box.stat().st_mtime_ns == 10**18


def test_a_message_that_came_meanwhile_stays_behind_the_others(host: Host, box: Path) -> None:
    box.write_bytes(OWN)
    through_a_test(host, box, numbered(OWN, 1) + TEST + OTHER)
    assert box.read_bytes() == OWN + OTHER


def test_a_message_that_came_meanwhile_has_no_number_of_a_box_that_is_gone(
    host: Host, box: Path
) -> None:
    box.write_bytes(OWN)
    through_a_test(host, box, OWN + numbered(TEST, 2) + numbered(OTHER, 3))
    assert box.read_bytes() == OWN + OTHER


def test_a_first_message_that_came_meanwhile_is_as_it_was_delivered(host: Host, box: Path) -> None:
    between = OTHER.replace(
        b"\n\n", b"\nStatus: RO\nX-IMAPbase: 1795917597 0000000007\nX-UID: 2      \n\nX-UID: 9\n", 1
    )
    through_a_test(host, box, TEST + between)
    # A person has read it, and its text is its own.
    assert box.read_bytes() == OTHER.replace(b"\n\n", b"\nStatus: RO\n\nX-UID: 9\n", 1)


def test_a_large_attachment_does_not_keep_a_test_waiting(host: Host, box: Path) -> None:
    # 4 MB in the lines of base64. An awk that joins them copies all of them for each line.
    own = OWN[:-1] + b"x" * 72 + (b"\n" + b"y" * 72) * 55_000 + b"\n\n"
    box.write_bytes(own)
    begun = time.monotonic()
    through_a_test(host, box, own + TEST)
    assert box.read_bytes() == own
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    "own",
    [b"hello\n", b"hello", OWN.rstrip(b"\n"), OWN[:-1], OWN + b"\nFrom half@message\nSubj"],
    ids=["no message", "no line", "no last line", "no empty line", "half a message"],
)
def test_what_no_empty_line_ends_comes_back_byte_for_byte(
    host: Host, box: Path, own: bytes
) -> None:
    box.write_bytes(own)
    through_a_test(host, box, own + TEST + OTHER + BOUNCE)
    assert box.read_bytes() == own + OTHER


def test_a_message_without_an_empty_line_is_kept_in_a_box_that_was_written_anew(
    host: Host, box: Path
) -> None:
    box.write_bytes(OWN[:-1])
    through_a_test(host, box, numbered(OWN[:-1], 1) + numbered(TEST, 2))
    assert box.read_bytes() == OWN[:-1]


def test_a_message_that_was_deleted_meanwhile_stays_deleted(host: Host, box: Path) -> None:
    box.write_bytes(OWN + OTHER)
    through_a_test(host, box, OTHER + TEST)
    assert box.read_bytes() == OTHER


def test_a_bounce_of_the_test_is_removed_too(host: Host, box: Path) -> None:
    box.write_bytes(OWN)
    through_a_test(host, box, OWN + TEST + BOUNCE)
    assert box.read_bytes() == OWN


def test_a_box_that_did_not_exist_does_not_exist_afterwards(host: Host, box: Path) -> None:
    through_a_test(host, box, TEST)
    assert not box.exists()


def test_dovecots_note_in_a_new_box_is_removed(host: Host, box: Path) -> None:
    through_a_test(host, box, NOTE + TEST)
    assert not box.exists()


def test_dovecots_note_that_was_there_before_stays(host: Host, box: Path) -> None:
    box.write_bytes(NOTE + OWN)
    through_a_test(host, box, NOTE + OWN + TEST)
    assert box.read_bytes() == NOTE + OWN


def test_an_empty_box_stays_an_empty_box(host: Host, box: Path) -> None:
    box.write_bytes(b"")
    through_a_test(host, box, TEST)
    assert box.read_bytes() == b""


def locked_during_a_test(host: Host, box: Path, by: str) -> str:
    """Lock the box after a test has begun. An empty lock is Postfix's. Returns what is locked."""
    box.write_bytes(OWN)
    [kept] = keep(host)
    box.with_name("user1.lock").write_text(by)
    box.write_bytes(OWN + TEST)
    return put_back(host, kept).strip()


def test_a_locked_box_is_left_alone_and_named(host: Host, box: Path) -> None:
    assert locked_during_a_test(host, box, DOVECOT) == str(box)
    assert box.read_bytes() == OWN + TEST
    assert box.with_name("user1.lock").exists()


def test_a_delivery_that_goes_on_keeps_its_lock(host: Host, box: Path) -> None:
    with box.open("ab"):
        assert locked_during_a_test(host, box, "") == str(box)
        host.run(FREE, "user1")
    assert box.read_bytes() == OWN + TEST
    assert box.with_name("user1.lock").exists()


def test_the_lock_of_a_killed_delivery_keeps_no_message_of_the_test(host: Host, box: Path) -> None:
    assert locked_during_a_test(host, box, "") == ""
    assert box.read_bytes() == OWN
    assert not box.with_name("user1.lock").exists()


def test_only_the_lock_of_a_killed_delivery_is_removed(host: Host, box: Path) -> None:
    lock = box.with_name("user1.lock")
    host.run(FREE, "user1")
    lock.write_text(DOVECOT)
    host.run(FREE, "user1")
    assert lock.exists()
    lock.write_text("")
    host.run(FREE, "user1")
    assert not lock.exists()


def test_the_lock_is_released(host: Host, box: Path) -> None:
    box.write_bytes(OWN)
    through_a_test(host, box, OWN + TEST)
    assert not box.with_name("user1.lock").exists()


@pytest.mark.parametrize("name", ["mbox", "dead.letter"])
def test_the_files_of_mail_in_the_home_folder_come_back(host: Host, box: Path, name: str) -> None:
    file = host.path(f"/home/user1/{name}")
    file.write_bytes(OWN)
    [kept] = keep(host)
    file.write_bytes(OWN + TEST)
    put_back(host, kept)
    assert file.read_bytes() == OWN
    assert not box.exists()


def test_a_maildir_loses_the_tests_messages_only(host: Host) -> None:
    new = host.path("/home/user1/Maildir/new")
    new.mkdir(parents=True)
    (new / "1").write_bytes(OWN)
    [kept] = keep(host)
    (new / "2").write_bytes(TEST)
    put_back(host, kept)
    assert [file.name for file in new.iterdir()] == ["1"]


def test_the_boxes_of_two_users_come_back_and_every_other_box_loses_the_message(
    host: Host, box: Path
) -> None:
    """An alias may lead to any mailbox."""
    other, made = box.with_name("other"), box.with_name("made")
    for each in (box, other):
        each.write_bytes(OWN)
    kept = keep(host, "user1", "root")
    root = box.with_name("root")
    for each in (box, root, other, made):
        each.write_bytes((OWN if each in (box, other) else b"") + TEST)
    assert put_back(host, kept[0], "root", kept[1]) == ""
    assert (box.read_bytes(), other.read_bytes()) == (OWN, OWN)
    assert not root.exists()
    assert not made.exists()
    assert not any(Path(each).exists() for each in kept)


def test_the_copies_of_a_box_that_cannot_be_put_back_stay(host: Host, box: Path) -> None:
    """The other box is put back nevertheless."""
    box.write_bytes(OWN)
    kept = keep(host, "user1", "root")
    box.write_bytes(OWN + TEST)
    root = box.with_name("root")
    root.write_bytes(TEST)
    # As on a full disk.
    Path(kept[0], "came").mkdir()
    with pytest.raises(AssertionError):
        put_back(host, kept[0], "root", kept[1])
    assert Path(kept[0], "inbox").read_bytes() == OWN
    assert not root.exists()
    assert not Path(kept[1]).exists()


def test_without_room_for_the_copies_no_folder_stays(host: Host, box: Path) -> None:
    for each in (box, box.with_name("root")):
        each.write_bytes(OWN)
    host.program("cp", 'case $* in */root*) exit 1 ;; *) exec /bin/cp "$@" ;; esac')
    with pytest.raises(AssertionError):
        keep(host, "user1", "root")
    assert not list(host.path("/var/tmp").iterdir())


def test_messages_that_still_wait_are_deleted_from_every_queue(host: Host) -> None:
    told = host.root / "told"
    host.program("postsuper", f'cat >"{told}"')
    for number, queue in enumerate(("maildrop", "active", "deferred", "hold")):
        folder = host.path(f"/var/spool/postfix/{queue}")
        folder.mkdir()
        (folder / f"OURS{number}").write_bytes(TEST)
        (folder / f"THEIRS{number}").write_bytes(OTHER)
    host.run(CLEAR_QUEUES, TOKEN, str(host.path("/var/spool/postfix")))
    assert sorted(told.read_text().split()) == ["OURS0", "OURS1", "OURS2", "OURS3"]


def test_a_program_that_still_delivers_a_message_is_cut_off(host: Host) -> None:
    queued = host.path("/var/spool/postfix/active/OURS0")
    queued.parent.mkdir()
    queued.write_bytes(TEST)
    with queued.open() as file, subprocess.Popen(["sleep", "60"], stdin=file) as smtp:
        told = host.root / "told"
        host.program("postsuper", f'cat >/dev/null; rm "{queued}"')
        lines = "".join(
            f'tcp SYN-SENT 0 1 192.0.2.1:{port} 192.0.2.2:25 users:(("smtp",pid={pid},fd=14))\n'
            for port, pid in ((41175, f"{smtp.pid}0"), (41174, smtp.pid))
        )
        all_of_them = f"-tunpH) cat <<'END'\n{lines}END\n;;"
        host.program(
            "ss", f'case $1 in {all_of_them} *) echo "$*" >"{told}"; kill {smtp.pid};; esac'
        )
        host.run(CLEAR_QUEUES, TOKEN, str(host.path("/var/spool/postfix")))
        assert told.read_text() == "-K --tcp -n sport = :41174\n"
        smtp.wait(5)


def find(host: Host, *tokens: str, notices: bool = False) -> list[str]:
    return host.run(FIND, "user1", "0", "1" if notices else "0", *tokens).splitlines()


def test_a_message_is_found_by_its_number(host: Host, box: Path) -> None:
    box.write_bytes(OWN + OTHER + TEST)
    assert find(host, TOKEN) == [f"{TOKEN} 3"]
    assert find(host, "later@example2.jp", TOKEN) == ["later@example2.jp 2", f"{TOKEN} 3"]


def test_a_token_in_a_text_is_not_the_message(host: Host, box: Path) -> None:
    box.write_bytes(OTHER.replace(b"Text.", TOKEN.encode()))
    assert find(host, TOKEN) == []


def test_a_bounce_is_found_only_among_the_notices(host: Host, box: Path) -> None:
    box.write_bytes(OWN + BOUNCE)
    assert find(host, TOKEN) == []
    assert find(host, TOKEN, notices=True) == [f"{TOKEN} 2"]


def test_a_message_in_a_maildir_is_the_last_one(host: Host) -> None:
    new = host.path("/home/user1/Maildir/new")
    new.mkdir(parents=True)
    (new / "1").write_bytes(TEST)
    assert find(host, TOKEN) == [f"{TOKEN} $"]


def test_without_a_mailbox_nothing_is_found(host: Host) -> None:
    assert find(host, TOKEN) == []


def test_every_copy_is_counted_and_no_notice(host: Host, box: Path) -> None:
    box.write_bytes(OWN + TEST + BOUNCE + TEST)
    assert host.run(COUNT, "user1", RUN).splitlines() == [f"Message-ID: <{TOKEN}>"] * 2


def test_a_message_behind_half_a_message_is_counted(host: Host, box: Path) -> None:
    box.write_bytes(OWN[:-20] + b"\n" + TEST)
    assert len(host.run(COUNT, "user1", RUN).splitlines()) == 1
