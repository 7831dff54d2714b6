"""A class of real labs: all its commands, and the same command again after a kill.

Four seats, or as many as LABCTL_TEST_SEATS says (`make test-class`).
"""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.classroom.codes import load_codes
from labctl.classroom.roll import Roll, open_class
from labctl.credentials import load_credentials
from labctl.home import lab_home
from labctl.providers.nspawn.limits import LabGroup, lab_id_of
from labctl.session import open_session
from tests.lab.program import Ended, labctl, started

SEATS = int(os.environ.get("LABCTL_TEST_SEATS", "4"))
CLASS = "-".join(filter(None, ("class-tests", os.environ.get("PYTEST_XDIST_WORKER"))))
STUDENTS = "席,氏名\n1,山田 太郎\n2,髙橋 花子\n"


def class_(word: str, *words: str, code: int | None = 0) -> Ended:
    return labctl("class", word, *words, "--class", CLASS, code=code)


def seats(word: str, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """The seats in the JSON document of a command."""
    found: list[dict[str, Any]] = class_(word, *words, "--json", code=code).json["seats"]
    return found


def killed(word: str, *words: str) -> None:
    """Run a command and kill labctl when the first seat is done, while others are at work."""
    process = started("class", word, *words, "--class", CLASS)
    assert process.stderr is not None
    for line in process.stderr:
        if "✓" in line:
            break
    process.kill()
    process.communicate()
    assert process.returncode < 0, "the command had ended before the kill"


@pytest.fixture(scope="module", autouse=True)
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roll]:
    """The class, running, where it begins. The first `class up` was killed."""
    class_("end", "--yes", code=None)
    students = tmp_path_factory.mktemp("class") / "students.csv"
    students.write_text(STUDENTS, encoding="cp932")
    words = ("--seats", str(SEATS), "--students", str(students), "--until", "dns")
    labctl("class", "init", CLASS, *words)
    class_("doctor")
    killed("up")
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


def test_all_seats_are_reset_after_a_kill(room: Roll) -> None:
    killed("reset", "--all", "--to", "ready", "--yes")
    class_("reset", "--all", "--to", "ready", "--yes")
    assert all(seat["right"] for seat in seats("check"))
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
    killed("destroy", "--yes")
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
