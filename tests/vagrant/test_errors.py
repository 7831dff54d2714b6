"""Failures before the lab exists, each with its reason and the next command."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from labctl.errors import ExitCode, MachineLacks
from labctl.home import LabHome, lab_home
from labctl.lab import Lab, LabFile, load_edition
from labctl.providers.base import ensure_usable
from labctl.providers.options import read_options
from labctl.providers.vagrant import VagrantProvider
from labctl.providers.vagrant.adapter import Vagrant
from labctl.providers.vagrant.lab_folder import write_folder
from labctl.providers.vagrant.options import VagrantOptions
from tests.vagrant.double.registry import Store
from tests.vagrant.lab import labctl, write_lab_file

LAB = Lab(
    name="errors",
    edition=load_edition("ubuntu-example"),
    choices=LabFile.model_validate({"memory": 512}),
)


@pytest.fixture
def home() -> LabHome:
    return lab_home(LAB.name)


@pytest.fixture(autouse=True)
def _clean(store: Store, place: Path) -> Iterator[None]:
    yield
    VagrantProvider(LAB, lab_home(LAB.name)).destroy()
    left = [vm.name for vm in store.read().vms.values()]
    assert [name for name in left if not name.startswith("test-box_")] == []


def vagrant(lab: Lab, home: LabHome) -> Vagrant:
    """Vagrant as the provider uses it, without the doctor's checks."""
    options = read_options("vagrant", VagrantOptions, lab)
    return Vagrant(write_folder(lab, options, home), "virtualbox", home.logs)


@pytest.mark.usefixtures("no_vagrant")
def test_no_vagrant(place: Path) -> None:
    ended = labctl("up", "--lab", str(write_lab_file(place)), "--json", code=3)
    assert ended.error["message"] == "Vagrant is not installed"
    assert ended.error["hint"]


@pytest.mark.usefixtures("no_virtualbox")
def test_no_virtualbox(place: Path) -> None:
    ended = labctl("up", "--lab", str(write_lab_file(place)), "--json", code=3)
    assert ended.error["message"] == "VirtualBox is not installed"
    assert ended.error["hint"]


@pytest.mark.usefixtures("no_virtualbox")
def test_no_virtualbox_in_vagrants_own_words(
    home: LabHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For whoever looks for a fault of Vagrant itself; labctl shows none of it.
    monkeypatch.setenv("VAGRANT_LOG", "debug")
    with pytest.raises(MachineLacks) as caught:
        vagrant(LAB, home).boot()
    assert caught.value.message == "Vagrant cannot use VirtualBox"
    assert "virtualbox" in caught.value.cause.lower()
    assert str(caught.value.hint) == "labctl doctor"
    assert "ProviderNotUsable" not in caught.value.cause


def test_the_box_is_not_there_and_cannot_be_fetched(
    home: LabHome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "no-boxes"))
    with pytest.raises(MachineLacks) as caught:
        VagrantProvider(LAB, home).create()
    assert "box" in caught.value.message
    assert LAB.edition.providers["vagrant"]["box"] in caught.value.cause
    assert "boxes" in str(caught.value.hint)


def test_a_machine_that_does_not_boot_in_time(
    home: LabHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABCTL_BOOT_TIMEOUT", "3")
    with pytest.raises(MachineLacks) as caught:
        VagrantProvider(LAB, home).create()
    assert caught.value.message == "a machine did not boot in time"
    assert "labctl doctor" in str(caught.value.hint)


@pytest.fixture
def elsewhere() -> Lab:
    """A lab in a range that VirtualBox does not allow."""
    edition = LAB.edition.model_copy(
        update={
            "network": LAB.edition.network.model_copy(
                update={"cidr": IPv4Network("10.9.8.0/24"), "machine": IPv4Address("10.9.8.1")}
            ),
            "parent": LAB.edition.parent.model_copy(update={"address": IPv4Address("10.9.8.100")}),
            "hosts": tuple(
                host.model_copy(update={"address": IPv4Address(f"10.9.8.{101 + at}")})
                for at, host in enumerate(LAB.edition.hosts)
            ),
        }
    )
    return Lab(name=LAB.name, edition=edition, choices=LAB.choices)


def test_a_refused_range_is_known_before_anything_is_made(elsewhere: Lab, home: LabHome) -> None:
    with pytest.raises(MachineLacks) as caught:
        ensure_usable(VagrantProvider(elsewhere, home))
    assert caught.value.exit_code is ExitCode.MACHINE
    assert "10.9.8.0/24" in caught.value.message
    assert "networks.conf" in str(caught.value.hint)


def test_a_refused_range_in_vagrants_own_words(elsewhere: Lab, home: LabHome) -> None:
    with pytest.raises(MachineLacks) as caught:
        vagrant(elsewhere, home).boot()
    assert caught.value.message == "the machines' network cannot be created"
    assert "10.9.8.101" in caught.value.cause
