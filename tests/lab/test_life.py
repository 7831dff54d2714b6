"""The life of a lab: create, converge, idempotence, mail, reset, destroy without leftovers."""

from __future__ import annotations

import json
import socket
import time

from labctl.home import lab_home
from labctl.run import run
from provision.steps import STEPS
from tests.lab.program import LAB, interrupt, labctl, on_host, started, wait_for
from tests.lab.traces import changed_since, traces


def test_a_whole_life() -> None:
    labctl("destroy", "--yes")
    before = traces()

    created = labctl("up", "--json").json
    assert created["made"]
    assert created["changed"]
    assert created["saved"] == ["dns", "packages", "ready"]
    done = {(report["host"], report["step"]) for report in created["reports"]}
    assert done == {
        (host, step.name) for host in ("host1", "host2") for step in STEPS if not step.wanted
    }

    again = labctl("up", "--json").json
    assert not again["changed"], again
    assert "nothing to change" in labctl("up").out

    labctl("test-mail")
    labctl("reset", "--yes")
    labctl("test-mail")

    labctl("destroy", "--yes")
    assert changed_since(before) == {}


def test_until_a_step_and_on_from_there() -> None:
    labctl("destroy", "--yes")
    labctl("up", "--until", "dns")
    found = on_host("host1", "dig +short MX example2.jp; command -v postconf", code=None)
    assert found.out.split() == ["10", "mail.example2.jp."]

    up = labctl("up", "--json").json
    assert not up["made"]
    labctl("test-mail")


def test_every_checkpoint_is_reached(ready: str) -> None:
    labctl("reset", "--to", "os", "--yes")
    assert on_host("host1", "command -v named", code=None).code != 0
    assert on_host("host1", "hostname; id -un", user="ubuntu").out.split() == ["host1", "ubuntu"]

    labctl("reset", "--to", "packages", "--yes")
    on_host("host1", "command -v postfix && command -v mail && command -v doveadm")
    assert on_host("host1", "getent passwd user1", code=None).code != 0

    labctl("reset", "--to", "dns", "--yes")
    assert on_host("host2", "dig +short mail.example1.jp").out.strip() == "192.168.56.101"

    labctl("reset", "--to", "ready", "--yes")
    labctl("test-mail")


def test_after_a_reset_the_class_has_left_no_mail(ready: str) -> None:
    on_host("host1", "echo secret | mail -s 'from the class' user2@example2.jp", user="user1")
    on_host("host1", "echo stuck | mail -s stuck nobody@no-such-host.example2.jp", user="user1")
    on_host("host1", "touch /etc/left-by-the-class")
    labctl("reset", "--yes")
    for host in ("host1", "host2"):
        assert "Mail queue is empty" in on_host(host, "mailq").out
        assert on_host(host, "find /var/mail -type f -size +0").out == ""
    assert on_host("host1", "test -e /etc/left-by-the-class", code=None).code == 1
    labctl("test-mail")


def test_a_reset_can_be_undone(ready: str) -> None:
    on_host("host1", "echo work > /root/work")
    labctl("reset", "--yes")
    assert on_host("host1", "test -e /root/work", code=None).code == 1
    labctl("reset", "--undo", "--yes")
    assert on_host("host1", "cat /root/work").out == "work\n"
    labctl("reset", "--yes")


def test_a_stopped_lab_comes_back_as_it_was(ready: str) -> None:
    on_host("host2", "echo kept > /root/kept")
    labctl("down")
    assert labctl("test-mail", code=4).err.count("labctl up") == 1
    labctl("up")
    assert on_host("host2", "cat /root/kept").out == "kept\n"
    labctl("test-mail")


def test_up_mends_what_a_student_broke(ready: str) -> None:
    on_host(
        "host1",
        "postconf -e mydestination=wrong.example; systemctl disable --now postfix;"
        " ufw delete allow 25/tcp; gpasswd -d postfix sasl; echo user1:wrong | chpasswd",
    )
    changed = {
        report["step"] for report in labctl("up", "--json").json["reports"] if report["changes"]
    }
    assert {"postfix", "firewall", "smtp-auth", "accounts"} <= changed
    assert not labctl("up", "--json").json["changed"]
    labctl("test-mail")


def test_an_interrupted_up_is_continued() -> None:
    labctl("destroy", "--yes")
    process = started("up")
    wait_for(lab_home(LAB).known_hosts)
    time.sleep(1)
    assert interrupt(process) == 130
    labctl("up")
    labctl("test-mail")


def test_destroy_of_a_half_built_lab_leaves_nothing() -> None:
    labctl("destroy", "--yes")
    before = traces()
    process = started("up")
    wait_for(lab_home(LAB).known_hosts)
    time.sleep(1.5)
    process.kill()
    process.communicate()
    labctl("destroy", "--yes")
    assert changed_since(before) == {}


def test_two_labctl_at_once_the_second_is_told_who(ready: str) -> None:
    first = started("reset", "--yes")
    wait_for(lab_home(LAB).lock_file.with_suffix(".holder"))
    second = labctl("reset", "--yes", code=4)
    assert f"pid {first.pid}: labctl reset" in second.err
    first.communicate()
    assert first.returncode == 0


def test_the_addresses_of_a_lab_that_is_gone_are_taken_back(ready: str) -> None:
    labctl("down")
    left = "lab-0ff1ce00"
    for words in (
        ("link", "add", left, "type", "veth", "peer", "name", "ll0ff1ce"),
        ("address", "add", "198.19.255.253/30", "dev", left),
        ("link", "set", left, "up"),
        ("link", "set", "ll0ff1ce", "up"),
        ("route", "add", "192.168.56.0/24", "via", "198.19.255.254", "dev", left),
    ):
        run(["ip", *words])
    try:
        labctl("up")
        # Reached from this machine without any help of labctl's.
        with socket.create_connection(("192.168.56.101", 25), timeout=5) as plug:
            assert plug.recv(100).startswith(b"220 mail.example1.jp")
    finally:
        run(["ip", "link", "delete", left])


def test_status_names_hosts_and_folders(ready: str) -> None:
    (lab,) = json.loads(labctl("status", "--json").out)["data"]["labs"]
    assert [host["state"] for host in lab["hosts"]] == ["running", "running"]
    assert {"os", "dns", "packages", "ready"} <= {saved["name"] for saved in lab["checkpoints"]}
    assert {"state", "credentials", "keys", "cache", "lock", "layers"} <= set(lab["folders"])


def test_up_with_the_mail_test_prints_one_document(ready: str) -> None:
    document = json.loads(labctl("up", "--test-mail", "--json").out)
    assert (document["command"], document["ok"]) == ("test-mail", True)
