"""Which network the hosts are on, as the doctor and the first `up` say it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labctl.health import Diagnosis, Verdict
from labctl.home import LabHome
from labctl.lab import Lab, LabFile, load_edition
from labctl.providers.checks import run_checks
from labctl.providers.vagrant import VagrantProvider
from tests.fakes.machine import OtherMachine

HOME = LabHome(name="default", state=Path("/nowhere/state"), cache=Path("/nowhere/cache"))
# A PC at home, in the range that the edition `ubuntu` has too.
AT_HOME = OtherMachine(interfaces=(("wlp2s0", "192.168.1.5/24"),))


CARDS = """Name:            wlp2s0
GUID:            1
IPAddress:       192.168.1.5
Status:          Up

Name:            enp3s0
GUID:            2
Status:          Down

Name:            Realtek PCIe GbE Family Controller
Wireless:        No
Status:          Up
VBoxNetworkName: HostInterfaceNetworking-Realtek
"""


def diagnosed(
    edition: str, machine: OtherMachine = AT_HOME, **settings: object
) -> dict[str, Diagnosis]:
    choices = LabFile.model_validate(settings)
    book = load_edition(edition)
    lab = Lab(
        name="default",
        edition=book.moved_to(choices.network) if choices.network else book,
        choices=choices,
    )
    found = run_checks(VagrantProvider(lab, HOME).checks(), machine)
    return {each.code: each for each in found}


def test_the_range_of_most_homes_is_used_without_touching_it() -> None:
    found = diagnosed("ubuntu")
    assert found["net"].verdict is Verdict.OK
    assert 'net = "internal"' in found["net"].what
    assert all(way in found["net"].why for way in ('net = "bridge"', 'net = "hostonly"'))
    assert not {"range-free", "range-allowed", "dhcp"} & set(found)


def test_the_network_of_the_draft_has_this_machine_on_it() -> None:
    assert 'net = "hostonly"' in diagnosed("ubuntu-example")["net"].what


def test_a_host_only_network_with_the_range_of_this_machine_is_refused() -> None:
    found = diagnosed("ubuntu", net="hostonly")
    assert found["range-free"].verdict is Verdict.LACKING
    assert found["range-allowed"].verdict is Verdict.LACKING


def test_another_range_is_allowed_on_a_host_only_network() -> None:
    found = diagnosed("ubuntu", net="hostonly", network="192.168.56.0/24")
    assert {each.verdict for each in found.values()} == {Verdict.OK}


def test_a_bridge_as_in_the_book_needs_free_addresses() -> None:
    said = diagnosed("ubuntu", net="bridge", bridge="wlp2s0")["net"]
    assert said.verdict is Verdict.WARNING
    assert "wlp2s0" in said.what
    assert said.why.endswith("192.168.1.11, 192.168.1.12, 192.168.1.13")


@pytest.mark.parametrize(
    ("card", "verdict"),
    [
        ("wlp2s0", Verdict.WARNING),
        ("realtek pcie gbe family controller", Verdict.WARNING),
        ("enp3s0", Verdict.LACKING),
        ("eth0", Verdict.LACKING),
    ],
)
def test_the_card_of_a_bridge_has_to_exist_and_to_be_up(card: str, verdict: Verdict) -> None:
    """Otherwise Vagrant takes another card, or asks for one, which nobody can answer."""
    machine = replace(AT_HOME, answers={"VBoxManage list bridgedifs": CARDS})
    said = diagnosed("ubuntu", machine, net="bridge", bridge=card)["net"]
    assert said.verdict is verdict
    if verdict is Verdict.LACKING:
        assert "wlp2s0, Realtek PCIe GbE Family Controller" in said.mend.text


def test_cards_in_another_language_are_known_by_name_only() -> None:
    said = CARDS.replace("Name:", "名前:").replace("Status:", "状態:").replace("Up", "上")
    machine = replace(AT_HOME, answers={"VBoxManage list bridgedifs": said})
    verdicts = {
        card: diagnosed("ubuntu", machine, net="bridge", bridge=card)["net"].verdict
        for card in ("wlp2s0", "enp3s0", "eth0")
    }
    assert verdicts == {
        "wlp2s0": Verdict.WARNING,
        "enp3s0": Verdict.WARNING,
        "eth0": Verdict.LACKING,
    }


@pytest.mark.parametrize("edition", ["ubuntu", "ubuntu-example"])
def test_libvirt_has_networks_of_its_own(edition: str) -> None:
    assert "net" not in diagnosed(edition, hypervisor="libvirt")
