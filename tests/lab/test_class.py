"""A class of real labs: all its commands, and the same command again after a kill.

Four seats, or as many as LABCTL_TEST_SEATS says (`make test-class`).
"""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
import pytest

from labctl.classroom.codes import load_codes
from labctl.classroom.roll import Roll, Seat, class_names, open_class
from labctl.credentials import load_credentials
from labctl.home import lab_home
from labctl.providers.nspawn.lab_limits import LabGroup, lab_id_of
from labctl.session import open_session
from tests.lab.program import Ended, interrupt, labctl, started

SEATS = int(os.environ.get("LABCTL_TEST_SEATS", "4"))
CLASS = "-".join(filter(None, ("class-tests", os.environ.get("PYTEST_XDIST_WORKER"))))
HOST2 = "192.168.56.102"
STUDENTS = "席,氏名\n1,山田 太郎\n2,髙橋 花子\n"


def class_(word: str, *words: str, code: int | None = 0) -> Ended:
    return labctl("class", word, *words, "--class", CLASS, code=code)


def seats(word: str, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """The seats in the JSON document of a command."""
    found: list[dict[str, Any]] = class_(word, *words, "--json", code=code).json["seats"]
    return found


def killed(word: str, *words: str, done: int = 1) -> bool:
    """Run a command of the class and kill labctl while seats are at work; see `kill_when`."""
    return kill_when(done, "class", word, *words, "--class", CLASS)


def kill_when(done: int, *words: str) -> bool:
    """Run labctl and kill it when so many seats are done; soon after it began for 0.

    Returns False if it had already ended.
    """
    process = started(*words)
    assert process.stderr is not None
    if done == 0:
        time.sleep(0.7)
    else:
        marks = (line for line in process.stderr if "✓" in line)
        for _line in zip(range(done), marks, strict=False):
            pass
    process.kill()
    process.communicate()
    return process.returncode < 0


@pytest.fixture(scope="module", autouse=True)
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roll]:
    """The class, running, where it begins. The first `class up` was killed."""
    class_("end", "--yes", code=None)
    students = tmp_path_factory.mktemp("class") / "students.csv"
    students.write_text(STUDENTS, encoding="cp932")
    words = ("--seats", str(SEATS), "--students", str(students), "--until", "dns")
    labctl("class", "init", CLASS, *words)
    class_("doctor")
    assert killed("up")
    class_("up")
    yield open_class(CLASS)
    class_("end", "--yes")


def states() -> list[str]:
    return [seat["state"] for seat in seats("status")]


def test_every_seat_runs_after_a_kill_and_up_changes_nothing(room: Roll) -> None:
    found = seats("status")
    assert [seat["state"] for seat in found] == ["running"] * SEATS
    assert [seat["complete"] for seat in found] == ["dns"] * SEATS
    assert found[0]["student"] == "山田 太郎"
    lab = found[1]["lab"]
    labctl("ssh", "host1", "--user", "root", "--", "touch", "/root/work", name=lab)
    class_("up")
    labctl("ssh", "host1", "--", "sudo", "test", "-e", "/root/work", name=lab)


def test_each_seat_has_its_own_keys_passwords_and_code(room: Roll) -> None:
    class_("reset", "1-2", "--to", "ready", "--yes")
    kinds: dict[str, set[str]] = {}
    for seat in room.seats[:2]:
        home = lab_home(seat.lab_name)
        lab = open_session(seat.lab_name).lab
        host_keys = labctl("ssh", "host1", "--", "cat", "/etc/ssh/ssh_host_ed25519_key.pub",
                           name=seat.lab_name).out  # fmt: skip
        for kind, value in (
            ("login key", home.key_file.read_text()),
            ("host keys", home.known_hosts.read_text()),
            ("key on the host", host_keys.split()[1]),
            ("machine", labctl("ssh", "host1", "--", "cat", "/etc/machine-id",
                               name=seat.lab_name).out),
            ("password", load_credentials(home, lab).password("user1")),
            ("code", load_codes(room).of_seat(seat.number)),
        ):  # fmt: skip
            kinds.setdefault(kind, set()).add(value)
        # The passwords on the hosts are the ones that labctl tells.
        labctl("check", "accounts", "smtp-auth", "dovecot", name=seat.lab_name)
    assert {kind: len(values) for kind, values in kinds.items()} == dict.fromkeys(kinds, 2)


def test_who_enters_a_host_gives_it_neither_variables_nor_a_terminal(room: Roll) -> None:
    """Root of a host may replace the program that logs the instructor in."""
    class_("reset", "2", "--yes")
    own = "printf '#!/bin/sh\nenv; tty; id -u\n' >/usr/local/sbin/su; chmod 755 /usr/local/sbin/su"
    labctl(
        "class", "enter", "--class", CLASS, "2", "host1", "--user", "root", "--", "sh", "-c", own
    )
    instructor, slave = os.openpty()
    entering = subprocess.Popen(
        [sys.executable, "-m", "labctl", "class", "enter", "--class", CLASS, "2", "host1"],
        stdin=slave,
        stdout=subprocess.PIPE,
        env={**os.environ, "PROXY_PASSWORD": "secret"},
    )
    said, _err = entering.communicate(timeout=60)
    assert b"LANG=C.UTF-8" in said and b"\n0\r\n" in said
    assert b"secret" not in said
    assert os.ttyname(slave).encode() not in said
    for descriptor in (instructor, slave):
        os.close(descriptor)
    class_("reset", "2", "--yes")


def test_grades_name_the_seat_that_is_wrong(room: Roll, tmp_path: Path) -> None:
    class_("reset", "1-2", "--yes")
    class_("check", "1-2", "--step", "dns")
    labctl("class", "enter", "--class", CLASS, "2", "host1", "--user", "root",
           "--", "systemctl", "disable", "--now", "named")  # fmt: skip
    book = tmp_path / "grades.csv"
    class_("check", "1-2", "--step", "dns", "--csv", str(book), code=1)
    rows = list(csv.reader(book.read_text("utf-8-sig").splitlines()))
    assert [row[:3] for row in rows[1:]] == [
        ["s01", "山田 太郎", "ok"],
        ["s02", "髙橋 花子", "failed"],
    ]
    class_("reset", "2", "--yes")
    class_("check", "1-2", "--step", "dns")
    class_("undo", "2", "--yes")
    class_("check", "1-2", "--step", "dns", code=1)


def test_a_reset_leaves_whole_labs(room: Roll) -> None:
    class_("reset", "--all", "--to", "ready", "--yes")
    labctl("test-mail", name=room.seats[-1].lab_name)
    assert "nothing differs" in labctl("diff", name=room.seats[0].lab_name).out


def test_a_drill_is_found_at_every_seat(room: Roll) -> None:
    class_("reset", "--all", "--to", "ready", "--yes")
    class_("drill", "start", "postfix-stopped")
    found = seats("check", code=1)
    assert [seat["right"] for seat in found] == [False] * SEATS
    assert [seat["drill"] for seat in seats("status")] == ["postfix-stopped"] * SEATS
    labctl("drill", "solve", name=room.seats[0].lab_name)
    class_("check", "1")


def test_a_broken_seat_stops_no_other(room: Roll) -> None:
    class_("down")
    assert states() == ["stopped"] * SEATS
    book = lab_home(room.seats[1].lab_name).state / "nspawn.json"
    text = book.read_text()
    book.write_text("{")
    try:
        out = class_("up", code=1).out
        assert f"{SEATS - 1} of {SEATS}" in out and "s02" in out
        found = seats("status")
        running = [seat["seat"] for seat in found if seat["state"] == "running"]
        assert running == [number for number in range(1, SEATS + 1) if number != 2]
    finally:
        book.write_text(text)
    class_("up")
    assert states() == ["running"] * SEATS


def test_destroy_is_continued_after_a_kill_and_leaves_nothing(room: Roll) -> None:
    homes = [lab_home(seat.lab_name) for seat in room.seats]
    assert killed("destroy", "--yes")
    class_("destroy", "--yes")
    mounts = Path("/proc/self/mountinfo").read_text()
    spaces = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    for home in homes:
        lab_id = lab_id_of(home.state)
        assert not home.state.exists() and str(home.state) not in mounts
        assert lab_id not in spaces
        assert not LabGroup(lab_id).populated()
    class_("up")
    assert states() == ["running"] * SEATS


@dataclass(frozen=True)
class Harm:
    """What root on a host does, and the mark of it in `class status`, if it has one."""

    command: str
    mark: str = ""


HARMS = {
    "forks": Harm("setsid sh -c 'f() { f | f & }; f' >/dev/null 2>&1 </dev/null &"),
    "memory": Harm(
        "setsid sh -c 'tail /dev/zero & tail /dev/zero & tail /dev/zero'"
        " >/dev/null 2>&1 </dev/null &"
    ),
    # More than two hosts may have together (disk in the lab file).
    "disk": Harm("fallocate -l 9G /var/tmp/much", "over_budget"),
    # All seats share the machine's disk, so a disk of the host's own is filled to the last byte.
    "full disk": Harm(
        "mount -t tmpfs -o size=64k,mode=2775,gid=mail full /var/mail;"
        " mount -t tmpfs -o size=64k,mode=1777 full /var/tmp;"
        " cat /dev/zero >/var/mail/all; cat /dev/zero >/var/tmp/all"
    ),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_harm_at_one_seat_leaves_the_others_right(room: Roll, harm: Harm) -> None:
    class_("reset", "--all", "--to", "ready", "--yes")
    name = room.seats[-1].lab_name
    labctl("ssh", "host2", "--user", "root", "--", harm.command, name=name, code=None)
    others = f"1-{SEATS - 1}"
    assert all(seat["right"] for seat in seats("check", others))
    if harm.mark:
        assert [seat[harm.mark] for seat in seats("status")] == [False] * (SEATS - 1) + [True]
    # A seat whose processes are too many answers to nothing, but it can be reset.
    class_("reset", str(SEATS), "--yes")
    class_("check", str(SEATS), "--step", "dns")
    if harm.mark:
        # The state before the reset is kept, and counts until it is removed.
        assert seats("status", str(SEATS))[0][harm.mark]
        saved = labctl("checkpoints", "--json", name=name).json["checkpoints"]
        largest = max(saved, key=lambda each: each["size"])["name"]
        labctl("checkpoints", "--remove", largest, "--yes", name=name)
        assert not seats("status", str(SEATS))[0][harm.mark]


def open_to_mail(seat: Seat, address: str) -> bool:
    """Whether root on a host of the seat reaches port 25 of an address."""
    probe = f"timeout 3 bash -c '</dev/tcp/{address}/25' && echo open"
    return (
        labctl("ssh", "host1", "--user", "root", "--", probe, name=seat.lab_name, code=None).out
        != ""
    )


@pytest.mark.parametrize("state", ["open", "close"])
def test_no_mail_leaves_a_seat(room: Roll, state: str) -> None:
    class_("reset", "--all", "--to", "ready", "--yes")
    class_("net", state)
    with mail_server() as address:
        for seat in room.seats:
            assert not open_to_mail(seat, address)
            assert open_to_mail(seat, HOST2)
    class_("net", "open")


@contextmanager
def mail_server() -> Iterator[str]:
    """A listener on port 25 at an address outside of every lab, which this machine has."""
    address = "203.0.113.25"
    link = ["ip", "address", "add", f"{address}/32", "dev", "lo"]
    subprocess.run(link, check=True)
    try:
        with socket.create_server((address, 25)):
            yield address
    finally:
        subprocess.run(["ip", "address", "del", f"{address}/32", "dev", "lo"], check=True)


def test_students_log_in_by_ssh_from_their_own_machines(room: Roll, tmp_path: Path) -> None:
    class_("reset", "1-2", "--to", "ready", "--yes")
    keys = tmp_path / "keys"
    class_("keys", "1-2", "--server", "127.0.0.1", "--port", "23000", "--output", str(keys))

    def ssh(seat: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ssh", "-F", "config", "-o", "BatchMode=yes", *words],
            cwd=keys / seat, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    process = started("class", "ssh", "--port", "23000", "--class", CLASS)
    try:
        assert process.stdout is not None
        assert "23011" in process.stdout.readline()
        ids = {
            ssh(seat, host, "sudo -n cat /etc/machine-id").stdout
            for seat in ("s01", "s02")
            for host in ("host1", "host2")
        }
        assert len(ids) == 4 and "" not in ids
        # A key opens no host of another seat, and its host keys are noticed to be others.
        wrong = ssh("s01", "-p", "23021", "-o", "StrictHostKeyChecking=no",
                    "-o", "UserKnownHostsFile=/dev/null", "host1", "true")  # fmt: skip
        assert wrong.returncode == 255 and "Permission denied" in wrong.stderr
        assert "HOST IDENTIFICATION" in ssh("s01", "-p", "23021", "host1", "true").stderr
        # The account of the book, with its password.
        home = lab_home(room.seats[0].lab_name)
        with paramiko.SSHClient() as client:
            client.load_host_keys(str(keys / "s01" / "known_hosts"))
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect(
                "127.0.0.1", 23011, "user1",
                load_credentials(home, open_session(home.name).lab).password("user1"),
                allow_agent=False, look_for_keys=False,
            )  # fmt: skip
            assert client.exec_command("id -un")[1].read() == b"user1\n"
        class_("reset", "1", "--yes")
        assert ssh("s01", "host1", "hostname").stdout == "host1\n"
        class_("down", "2")
        assert ssh("s02", "host1", "true").returncode == 255
        assert ssh("s01", "host2", "hostname").stdout == "host2\n"
        class_("up")
    finally:
        assert interrupt(process) == 0


# -- kills --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kill:
    """A command that is killed; the same command again must lead to what `right` asserts.

    `before` is the command that prepares the class. A command that is `quick` may have ended when
    it would be killed.
    """

    words: tuple[str, ...]
    right: Callable[[Roll], None]
    before: tuple[str, ...] = ("reset", "--all", "--to", "ready", "--yes")
    quick: bool = False


def all_right(_room: Roll) -> None:
    assert states() == ["running"] * SEATS
    assert all(seat["right"] for seat in seats("check"))


def all_stopped(room: Roll) -> None:
    assert states() == ["stopped"] * SEATS
    class_("up")
    all_right(room)


def all_new(_room: Roll) -> None:
    assert states() == ["absent"] * SEATS
    class_("up")


def all_have_the_drill(_room: Roll) -> None:
    assert [seat["drill"] for seat in seats("status")] == ["postfix-stopped"] * SEATS
    assert [seat["right"] for seat in seats("check", code=1)] == [False] * SEATS


def all_closed(room: Roll) -> None:
    assert not any(map(net_is_open, room.seats))
    class_("net", "open")
    assert all(map(net_is_open, room.seats))


def net_is_open(seat: Seat) -> bool:
    table = f"labctl_{lab_id_of(lab_home(seat.lab_name).state)}"
    outward = ["nft", "list", "chain", "inet", table, "outward"]
    found = subprocess.run(outward, capture_output=True, text=True, check=True).stdout
    return "dport { 80, 443 } accept" in found


KILLS = {
    "up": Kill(("up",), all_right, ("down",)),
    "down": Kill(("down",), all_stopped),
    "destroy": Kill(("destroy", "--yes"), all_new),
    "reset": Kill(("reset", "--all", "--to", "ready", "--yes"), all_right),
    "drill": Kill(("drill", "start", "postfix-stopped"), all_have_the_drill),
    "check": Kill(("check",), all_right),
    "net": Kill(("net", "close"), all_closed, quick=True),
}
# The kills of the other commands are on demand.
MARKS = {name: () if name in ("up", "reset") else (pytest.mark.long,) for name in KILLS}
# How many seats are done at the kill.
MOMENTS = (1,) if SEATS < 10 else (0, 1, SEATS // 2)


@pytest.mark.parametrize("done", MOMENTS)
@pytest.mark.parametrize(
    "kill",
    [pytest.param(KILLS[name], marks=marks) for name, marks in MARKS.items()],
    ids=MARKS,
)
def test_the_same_command_continues_after_a_kill(room: Roll, kill: Kill, done: int) -> None:
    class_("up")
    class_("reset", "--all", "--to", "ready", "--yes")
    class_(*kill.before)
    assert killed(*kill.words, done=done) or kill.quick
    class_(*kill.words)
    kill.right(room)


@pytest.mark.long
def test_an_undo_is_continued_with_the_seats_that_are_left(room: Roll) -> None:
    class_("up")
    for seat in room.seats:
        labctl("ssh", "host1", "--", "touch", "/var/tmp/mark", name=seat.lab_name)
    class_("reset", "--all", "--yes")
    assert killed("undo", f"1-{SEATS}", "--yes")
    class_("up")
    left = [seat.label for seat in room.seats if not has_mark(seat)]
    assert 0 < len(left) < SEATS
    class_("undo", *left, "--yes")
    assert all(map(has_mark, room.seats))


def has_mark(seat: Seat) -> bool:
    words = ("ssh", "host1", "--", "test", "-e", "/var/tmp/mark")
    return labctl(*words, name=seat.lab_name, code=None).code == 0


@pytest.mark.long
def test_an_end_is_continued_after_a_kill(room: Roll) -> None:
    name = f"{CLASS}-2"
    labctl("class", "init", name, "--seats", "2", "--until", "dns")
    labctl("class", "up", "--class", name)
    homes = [lab_home(f"{name}-{each}") for each in ("s01", "s02", "model")]
    assert kill_when(1, "class", "end", "--yes", "--class", name)
    labctl("class", "end", "--yes", "--class", name)
    assert name not in class_names()
    assert not any(home.state.exists() for home in homes)
    spaces = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert not any(lab_id_of(home.state) in spaces for home in homes)
