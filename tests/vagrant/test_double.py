"""The answers of the test double, read by Vagrant's own parsers, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labctl.health import Verdict
from labctl.machine import ThisMachine
from labctl.providers.vagrant.checks import they_fit
from labctl.providers.vagrant.versions import dotted, read_virtualbox_version
from tests.vagrant.box import Box
from tests.vagrant.conftest import crash, manage
from tests.vagrant.double.registry import Behaviour, Interface, Store


@pytest.fixture(scope="module")
def seen(box: Box) -> Any:
    """The data that Vagrant's VirtualBox driver parsed."""
    script = Path(__file__).with_name("parsers.rb")
    done = subprocess.run(
        ["ruby", str(script), str(box.ovf)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_version_is_one_that_vagrant_accepts(seen: Any) -> None:
    assert seen["version"] == dotted(read_virtualbox_version(Behaviour().version))


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


def test_a_snapshot_brings_the_forwarded_ports_back(seen: Any) -> None:
    assert seen["forwarded_again"] == [[1, "ssh", 2222, 22, "127.0.0.1"]]


def test_an_internal_network(seen: Any) -> None:
    assert seen["internal"]["type"] == "intnet"


def test_the_host_only_networks_of_a_mac(seen: Any) -> None:
    assert seen["mac_network"]["name"] == "vagrantnet-vbox1"
    (network,) = seen["mac_host_only"]
    assert (network["ip"], network["netmask"]) == ("192.168.56.1", "255.255.255.0")
    assert network["status"] == "Up"
    assert seen["mac_interface"] == {"type": "hostonly", "hostonly": "vagrantnet-vbox1"}
    assert seen["mac_left"] == []


_ASK = """
require "json"
gem "vagrant"
require "vagrant"
require Gem.loaded_specs["vagrant"].full_gem_path + "/plugins/providers/virtualbox/plugin"
driver = VagrantPlugins::ProviderVirtualBox::Driver::Meta.new(*ARGV)
"""


def ask(script: str, *words: str) -> Any:
    """What Vagrant's driver answers; an error of Vagrant by its name."""
    wrapped = f"begin\n{_ASK}{script}\nrescue Vagrant::Errors::VagrantError => e\n"
    wrapped += "puts JSON.generate(e.class.name)\nend"
    done = subprocess.run(
        ["ruby", "-e", wrapped, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_factory_dhcp_server(store: Store) -> None:
    with store.change() as registry:
        registry.interfaces.append(
            Interface("vboxnet7", "192.168.56.1", "255.255.255.0", dhcp=True)
        )
    try:
        (server,) = ask("puts JSON.generate(driver.read_dhcp_servers)")
    finally:
        with store.change() as registry:
            registry.interfaces.pop()
    assert server["network"] == "vboxnet7"
    assert server["lower"] == "192.168.56.101"
    assert server["upper"] == "192.168.56.254"


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"version": "7.0.20_Debianr163906"}, "7.0.20"),
        ({"version": ""}, "Vagrant::Errors::VirtualBoxVersionEmpty"),
        (
            {"warning": "WARNING: The vboxdrv kernel module is not loaded.\n"},
            "Vagrant::Errors::VirtualBoxKernelModuleNotLoaded",
        ),
        (
            {"warning": "WARNING: /dev/vboxdrv does not exist. Please install the package.\n"},
            "Vagrant::Errors::VirtualBoxInstallIncomplete",
        ),
    ],
)
def test_versions_and_warnings(
    behaviour: Callable[..., None], fields: dict[str, str], answer: str
) -> None:
    behaviour(**fields)
    assert ask("puts JSON.generate(driver.version)") == answer


@pytest.mark.parametrize("version", ["7.1.12", "7.2.4", "7.9.0"])
def test_vagrant_accepts_the_versions_that_the_doctor_expects(
    behaviour: Callable[..., None], version: str
) -> None:
    behaviour(version=f"{version}r170995")
    fits = they_fit(ThisMachine()).verdict is Verdict.OK
    refused = "Vagrant::Errors::VirtualBoxInvalidVersion"
    assert ask("puts JSON.generate(driver.version)") == (version if fits else refused)


def test_states_and_the_lock_after_the_power_was_cut(
    box: Box, store: Store, behaviour: Callable[..., None]
) -> None:
    behaviour(lock_seconds=6)
    manage("import", str(box.ovf), "--vsys", "0", "--vmname", "states")
    vm = store.read().vm("states")
    manage("startvm", "states", "--type", "headless")
    seen = [ask("puts JSON.generate(driver.read_state)", vm.uuid)]
    manage("controlvm", "states", "pause")
    seen.append(ask("puts JSON.generate(driver.read_state)", vm.uuid))
    manage("controlvm", "states", "resume")
    manage("controlvm", "states", "savestate")
    # At once: the lock must still be held, however busy this machine is.
    locked = subprocess.run(
        ["VBoxManage", "unregistervm", "states", "--delete"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "already locked for a session" in locked.stderr
    seen.append(ask("puts JSON.generate(driver.read_state)", vm.uuid))
    crash(store, store.read().vm("states"))
    seen.append(ask("puts JSON.generate(driver.read_state)", vm.uuid))
    assert seen == ["running", "paused", "saved", "aborted-saved"]
    time.sleep(6)
    manage("discardstate", "states")
    assert ask("puts JSON.generate(driver.read_state)", vm.uuid) == "aborted"
    manage("unregistervm", "states", "--delete")


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
