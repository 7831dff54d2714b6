"""The answers of the test double, read by Vagrant's own parsers, and what it refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.vagrant.box import Box


@pytest.fixture(scope="module")
def seen(box: Box) -> Any:
    """The data that Vagrant's VirtualBox driver parsed."""
    ovf = next(box.home.glob("boxes/*/*/virtualbox/box.ovf"))
    script = Path(__file__).with_name("parsers.rb")
    done = subprocess.run(
        ["ruby", str(script), str(ovf)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_version_is_one_that_vagrant_accepts(seen: Any) -> None:
    assert seen["version"] == "7.0.20"


def test_nothing_is_there_at_first(seen: Any) -> None:
    assert seen["empty"] == [{}, []]


def test_a_master_and_its_linked_clone(seen: Any) -> None:
    assert seen["no_snapshots"] == []
    assert seen["vms"] == 2
    assert seen["machine_folder"].endswith("/machines")


def test_a_machines_description(seen: Any) -> None:
    assert seen["state"] == "poweroff"
    assert seen["mac"] == "080027AABBCC"
    assert seen["macs"] == 2
    assert seen["interfaces"] == {
        "1": {"type": "nat"},
        "2": {"type": "hostonly", "hostonly": "vboxnet0"},
    }
    assert seen["forwarded"] == [[1, "ssh", 2222, 22, "127.0.0.1"]]
    assert seen["ssh_port"] == 2222
    assert seen["guest_additions"] is None


def test_the_host_only_network(seen: Any) -> None:
    assert seen["created_network"]["name"] == "vboxnet0"
    (interface,) = seen["host_only"]
    assert interface["name"] == "vboxnet0"
    assert (interface["ip"], interface["netmask"]) == ("192.168.56.1", "255.255.255.0")
    assert interface["status"] == "Up"


def test_snapshots_and_the_one_that_others_stand_on(seen: Any) -> None:
    assert seen["snapshots"] == ["one", "two"]
    assert seen["refused"] is True
    assert seen["snapshots_left"] == ["one", "three"]


def test_machines_are_known_and_go(seen: Any) -> None:
    assert seen["exists"] == [True, False]
    assert seen["left"] == [{}, []]


@pytest.mark.parametrize(
    "words",
    [
        ("bandwidthctl",),
        ("list", "dvds"),
        ("modifyvm", "no-such-machine", "--memory", "512"),
        ("controlvm", "no-such-machine", "reset"),
        ("snapshot", "no-such-machine", "edit", "one"),
        ("hostonlyif", "rename", "vboxnet0"),
        ("guestproperty", "set", "a", "b"),
    ],
)
def test_what_it_does_not_know_it_refuses(words: tuple[str, ...]) -> None:
    done = subprocess.run(["VBoxManage", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("VBoxManage: error: ")
