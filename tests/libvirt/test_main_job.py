"""The main job on libvirt's machines: up, mail, reset, mail, a reset to before a restart, destroy.

The tests depend on each other and run in this order, because a boot under emulation takes minutes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.run import run
from tests.vagrant.lab import NAME, labctl, on_host

HOSTS = ("host1", "host2")
LAB_FILE = 'provider = "vagrant"\nhypervisor = "libvirt"\nmemory = 512\n'


@pytest.fixture(scope="module", autouse=True)
def _lab(place: Path) -> Iterator[None]:
    file = place / "labctl.toml"
    file.write_text(LAB_FILE, encoding="utf-8")
    labctl("up", "--lab", str(file))
    yield
    labctl("destroy", "--yes")


def domains() -> str:
    return run(["virsh", "-c", "qemu:///system", "list", "--all"]).stdout


def test_the_hosts_are_libvirts_machines() -> None:
    for host in HOSTS:
        assert f"labctl-{NAME}-{host}" in domains()


def test_a_second_up_changes_nothing() -> None:
    again = labctl("up", "--json").json
    assert not again["made"]
    assert not again["started"]


def test_mail_goes_both_ways() -> None:
    labctl("test-mail", "--timeout", "120")


def test_reset_goes_back_and_sets_the_clock() -> None:
    on_host("host2", "touch /root/forgotten")
    labctl("reset", "--yes")
    assert on_host("host2", "ls /root").split() == []
    for host in HOSTS:
        # On a busy machine the question itself takes long.
        before = time.time()
        assert before - 10 < float(on_host(host, "date +%s.%N")) < time.time() + 10


def test_mail_goes_both_ways_after_the_reset() -> None:
    labctl("test-mail", "--timeout", "120")


def test_a_reset_to_a_checkpoint_from_before_a_restart() -> None:
    labctl("down")
    (lab,) = labctl("status", "--json").json["labs"]
    assert [host["state"] for host in lab["hosts"]] == ["stopped", "stopped"]
    labctl("up")
    labctl("reset", "--yes")
    assert not labctl("up", "--json").json["started"]
    labctl("test-mail", "--timeout", "120")


def test_destroy_leaves_nothing(place: Path) -> None:
    labctl("destroy", "--yes")
    assert "labctl" not in domains()
    assert not (place / "state" / "labctl" / "labs" / NAME).exists()
