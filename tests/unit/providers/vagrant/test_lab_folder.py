"""The data that the Vagrantfile reads."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from labctl.errors import WrongUsage
from labctl.lab import Lab, load_edition
from labctl.machine import ThisMachine
from labctl.providers.options import read_options
from labctl.providers.vagrant.lab_folder import (
    BOOT_TIMEOUT,
    boxes_folder,
    machines,
    ports,
    release_ports,
)
from labctl.providers.vagrant.options import VagrantOptions

LAB = Lab(name="default", edition=load_edition("ubuntu-example"))
OPTIONS = read_options("vagrant", VagrantOptions, LAB)


def test_a_slow_computer_is_given_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machines(LAB, OPTIONS)["boot_timeout"] == 600
    monkeypatch.setenv(BOOT_TIMEOUT, "1800")
    assert machines(LAB, OPTIONS)["boot_timeout"] == 1800


def test_a_claim_of_a_port_is_removed_where_vagrant_keeps_its_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for chosen, folder in (("", tmp_path / "home" / ".vagrant.d"), ("boxes", tmp_path / "boxes")):
        monkeypatch.setenv("VAGRANT_HOME", chosen and str(tmp_path / chosen))
        assert boxes_folder(ThisMachine()) == folder
        claim = folder / "data" / "fp-leases" / f"127_0_0_1_{ports('default').start}"
        claim.parent.mkdir(parents=True)
        claim.touch()
        release_ports("default")
        assert not claim.exists()


def test_every_host_has_a_port_of_the_labs_own_range() -> None:
    made = machines(LAB, OPTIONS)
    first, last = cast(list[int], made["ports"])
    assert first >= 20000 and last - first == 19
    hosts = cast(list[dict[str, object]], made["hosts"])
    assert [host["port"] for host in hosts] == [first, first + 1]
    other = Lab(name="another", edition=LAB.edition)
    assert machines(other, OPTIONS)["ports"] != made["ports"]


def test_the_vagrantfile_is_told_all_of_the_lab() -> None:
    made = machines(LAB, OPTIONS, emulated=True)
    assert (made["name"], made["net"], made["netmask"]) == ("default", "hostonly", "255.255.255.0")
    assert (made["box"], made["memory"], made["cpus"]) == ("bento/ubuntu-24.04", 1024, 1)
    assert made["emulated"] is True
    hosts = cast(list[dict[str, object]], made["hosts"])
    assert [(host["name"], host["address"], host["fqdn"]) for host in hosts] == [
        ("host1", "192.168.56.101", "host1.example1.jp"),
        ("host2", "192.168.56.102", "host2.example2.jp"),
    ]


@pytest.mark.parametrize("text", ["", "soon", "0", "-1", "1.5", "9" * 5000])
def test_what_is_no_number_of_seconds_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(BOOT_TIMEOUT, text)
    with pytest.raises(WrongUsage, match=BOOT_TIMEOUT) as caught:
        machines(LAB, OPTIONS)
    assert f"{BOOT_TIMEOUT}=600" in str(caught.value.hint)
