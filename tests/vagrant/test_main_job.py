"""The whole life of a lab on VirtualBox machines: up, mail, reset, mail, failures, destroy.

The tests are one story and run in this order: a boot costs minutes under emulation. It is told with
containers as guests, and with emulated machines among the long tests.
"""

from __future__ import annotations

import imaplib
import smtplib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.lab import DEFAULT_EDITION, load_edition
from labctl.run import run
from tests.vagrant.box import Box, ensure_box
from tests.vagrant.conftest import manage
from tests.vagrant.double.guests import CONTAINER, QEMU, guest
from tests.vagrant.double.registry import Store, Vm
from tests.vagrant.lab import NAME, labctl, on_host, write_lab_file

ADDRESSES = {"host1": "192.168.56.101", "host2": "192.168.56.102"}
SECONDS = 60


@pytest.fixture(scope="module", params=[CONTAINER, pytest.param(QEMU, marks=pytest.mark.long)])
def box(request: pytest.FixtureRequest) -> Box:
    return ensure_box(load_edition(DEFAULT_EDITION), request.param)


@pytest.fixture(scope="module", autouse=True)
def _lab(place: Path, _box_of_the_module: None) -> Iterator[None]:
    labctl("up", "--until", "dns", "--lab", str(write_lab_file(place)))
    yield
    labctl("destroy", "--yes")


def machine(store: Store, host: str) -> Vm:
    return store.read().vm(f"labctl-{NAME}-{host}")


def test_a_class_begins_where_chapter_5_ends_and_up_goes_on_from_there() -> None:
    (lab,) = labctl("status", "--json").json["labs"]
    assert [each["name"] for each in lab["checkpoints"]] == ["os", "dns"]
    assert labctl("up", "--json").json["reports"]


def test_two_linked_clones_run_under_names_that_show_the_lab(store: Store) -> None:
    # Tests before this one may have made the master of another box.
    masters = [vm for vm in store.read().vms.values() if vm.name.startswith("test-box_")]
    disks = {disk for master in masters for disk in (str(master.disk), master.backing)}
    for host in ADDRESSES:
        clone = machine(store, host)
        assert guest(clone).running()
        assert clone.backing in disks
        assert (clone.memory, clone.cpus) == (512, 1)


@pytest.mark.parametrize("host", ADDRESSES)
def test_this_machine_reaches_the_host_only_address(host: str) -> None:
    with socket.create_connection((ADDRESSES[host], 25), SECONDS) as smtp:
        smtp.settimeout(SECONDS)
        assert smtp.recv(100).startswith(b"220 mail.")


def test_the_hosts_know_their_names_and_the_admin_needs_no_password() -> None:
    said = on_host("host1", "hostname; hostname -f; runuser -u ubuntu -- sudo -n id -un")
    assert said.split() == ["host1", "host1.example1.jp", "root"]


def test_a_second_up_changes_nothing(store: Store) -> None:
    calls = (store.home / "calls.log").stat().st_size
    again = labctl("up", "--json").json
    assert not again["made"]
    assert not again["started"]
    assert [report for report in again["reports"] if report["changes"]] == []
    new = (store.home / "calls.log").read_text()[calls:].split("\n")
    # labctl only asked VirtualBox for its version and its folder of machines.
    assert set(new) <= {"--version", "list systemproperties", ""}


def test_status_sees_both_running_with_all_checkpoints() -> None:
    (lab,) = labctl("status", "--json").json["labs"]
    assert [host["state"] for host in lab["hosts"]] == ["running", "running"]
    assert [each["name"] for each in lab["checkpoints"]] == ["os", "dns", "packages", "ready"]


def test_mail_goes_both_ways() -> None:
    labctl("test-mail", "--timeout", "120")
    assert "status=sent" in labctl("logs", "host2").out


def test_an_independent_client_logs_in_sends_and_reads() -> None:
    accounts = {each["host"]: each for each in labctl("credentials", "--json").json["accounts"]}
    user1, user2 = accounts["host1"], accounts["host2"]
    with smtplib.SMTP(ADDRESSES["host1"], 25, timeout=SECONDS) as smtp:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login(user1["user"], "wrong")
        smtp.login(user1["user"], user1["password"])
        smtp.sendmail(user1["address"], user2["address"], "Subject: from outside\r\n\r\nhello\r\n")
    with imaplib.IMAP4(ADDRESSES["host2"], 143, timeout=SECONDS) as imap:
        imap.login(user2["user"], user2["password"])
        deadline = time.monotonic() + SECONDS
        while not _found(imap, "from outside"):
            assert time.monotonic() < deadline, "the message did not arrive"


def _found(imap: imaplib.IMAP4, subject: str) -> bool:
    imap.select("INBOX", readonly=True)
    return bool(imap.search(None, "SUBJECT", f'"{subject}"')[1][0])


def test_mail_to_the_world_does_not_leave_and_packages_only_while_open() -> None:
    rules = on_host("host1", "nft list table inet labctl")
    assert "tcp dport 25 reject with tcp reset" in rules
    assert "tcp dport { 53, 80, 443 } accept" in rules
    labctl("net", "close")
    assert "443" not in on_host("host1", "nft list table inet labctl")
    labctl("net", "open")


def test_reset_goes_back_and_sets_the_clock() -> None:
    on_host("host2", "touch /root/forgotten")
    labctl("reset", "--yes")
    assert on_host("host2", "ls /root").split() == []
    for host in ADDRESSES:
        # On a busy machine the question itself takes long.
        before = time.time()
        assert before - 10 < float(on_host(host, "date +%s.%N")) < time.time() + 10


def test_mail_goes_both_ways_after_the_reset() -> None:
    labctl("test-mail", "--timeout", "120")


def test_the_state_before_the_reset_is_kept_on_both_or_on_neither(store: Store) -> None:
    names = {host: [s.name for s in machine(store, host).snapshots] for host in ADDRESSES}
    assert names["host1"] == names["host2"]
    assert len(names["host1"]) == 5


def test_a_snapshot_missing_on_one_machine_stops_the_reset_before_it_begins(store: Store) -> None:
    (name,) = (s.name for s in machine(store, "host2").snapshots if "-packages-" in s.name)
    manage("snapshot", machine(store, "host2").uuid, "delete", name)
    pids = {host: machine(store, host).pid for host in ADDRESSES}
    error = labctl("reset", "--to", "packages", "--yes", "--json", code=4).error
    assert "host2" in error["message"]
    assert name in error["cause"]
    assert {host: machine(store, host).pid for host in ADDRESSES} == pids


@pytest.mark.long
def test_stopped_machines_start_again_and_nothing_is_lost() -> None:
    on_host("host1", "echo kept >/root/kept; sync")
    labctl("down")
    (lab,) = labctl("status", "--json").json["labs"]
    assert [host["state"] for host in lab["hosts"]] == ["stopped", "stopped"]
    assert labctl("test-mail", "--json", code=4).error["hint"].startswith("labctl up")
    assert not labctl("up", "--json").json["made"]
    assert on_host("host1", "cat /root/kept") == "kept\n"


def test_a_machine_deleted_behind_labctls_back_is_named(store: Store) -> None:
    gone = machine(store, "host2")
    manage("controlvm", gone.uuid, "poweroff")
    # VirtualBox lets go of a machine a moment after its power was cut.
    time.sleep(store.read().behaviour.lock_seconds)
    manage("unregistervm", gone.uuid, "--delete")
    (lab,) = labctl("status", "--json").json["labs"]
    assert [host["state"] for host in lab["hosts"]] == ["running", "absent"]
    error = labctl("up", "--json", code=4).error
    assert "host2" in error["message"]
    named = ["--name", NAME]
    assert error["commands"] == [["labctl", "destroy", *named], ["labctl", "up", *named]]


def test_destroy_leaves_nothing(store: Store, place: Path) -> None:
    labctl("destroy", "--yes")
    left = [vm.name for vm in store.read().vms.values()]
    # Vagrant keeps the master of the linked clones for the next lab.
    assert [name for name in left if not name.startswith("test-box_")] == []
    assert not (place / "state" / "labctl" / "labs" / NAME).exists()
    processes = run(["ps", "-eo", "args"]).stdout
    assert "qemu-system" not in processes
    assert "systemd-nspawn" not in processes
    links = run(["ip", "-o", "link"]).stdout
    assert "tap" not in links
