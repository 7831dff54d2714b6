"""What the Vagrant provider says of machines of all kinds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from labctl.diagnosis import Diagnosis, Verdict
from labctl.errors import ExitCode, MachineLacks
from labctl.home import LabHome
from labctl.lab import Lab, load_edition
from labctl.machine import Machine
from labctl.providers.checks import Check, ensure, run_checks
from labctl.providers.vagrant import VagrantProvider
from tests.unit.doctor.other_machine import GIB, OtherMachine

LAB = Lab(name="default", edition=load_edition("ubuntu-example"))

MAC = OtherMachine(
    system="darwin",
    distribution="",
    architecture="arm64",
    home=Path("/Users/hanako"),
    virtualbox="7.1.4r165100\n",
    vagrant="Vagrant 2.4.3\n",
    answers={"kern.hv_support": "1\n"},
    files={},
)
WINDOWS = OtherMachine(
    system="win32",
    distribution="",
    home=Path("C:/Users/taro"),
    virtualbox="7.1.4r165100\n",
    vagrant="Vagrant 2.4.3\n",
    answers={"Win32_ComputerSystem": "True False\n"},
    files={},
)


HOME = LabHome(name="default", state=Path("/nowhere/state"), cache=Path("/nowhere/cache"))


def checks() -> tuple[Check, ...]:
    return VagrantProvider(LAB, HOME).checks()


def diagnosed(machine: Machine, code: str) -> Diagnosis:
    return next(each for each in run_checks(checks(), machine) if each.code == code)


@pytest.mark.parametrize("machine", [OtherMachine(), MAC, WINDOWS])
def test_a_machine_that_has_everything_is_usable(machine: OtherMachine) -> None:
    assert {each.verdict for each in run_checks(checks(), machine)} == {Verdict.OK}


@pytest.mark.parametrize(
    ("machine", "mend"),
    [
        (OtherMachine(programs=("VBoxManage",)), "sudo apt install vagrant"),
        (
            OtherMachine(distribution="ubuntu", programs=("VBoxManage",)),
            "https://developer.hashicorp.com/vagrant/install",
        ),
        (
            OtherMachine(system="darwin", distribution="", programs=("VBoxManage",)),
            "brew install hashicorp/tap/hashicorp-vagrant",
        ),
        (
            OtherMachine(system="win32", distribution="", programs=("VBoxManage",)),
            "winget install Hashicorp.Vagrant",
        ),
    ],
)
def test_without_vagrant_it_says_how_this_system_gets_it(machine: OtherMachine, mend: str) -> None:
    said = diagnosed(machine, "vagrant")
    assert (said.verdict, str(said.mend)) == (Verdict.LACKING, mend)


@pytest.mark.parametrize(
    ("virtualbox", "vagrant", "verdict"),
    [
        ("6.1.50r161033", "Vagrant 2.3.4", Verdict.OK),
        ("7.0.20r163906", "Vagrant 2.3.4", Verdict.OK),
        ("7.1.4r165100", "Vagrant 2.3.4", Verdict.LACKING),
        ("7.1.4r165100", "Vagrant 2.4.2", Verdict.OK),
        ("7.2.0r170228", "Vagrant 2.4.8", Verdict.LACKING),
        ("7.2.0r170228", "Vagrant 2.4.9", Verdict.OK),
        ("7.9.0r999999", "Vagrant 2.4.9", Verdict.WARNING),
    ],
)
def test_virtualbox_and_vagrant_must_fit(virtualbox: str, vagrant: str, verdict: Verdict) -> None:
    machine = OtherMachine(virtualbox=virtualbox, vagrant=vagrant)
    assert diagnosed(machine, "fit").verdict is verdict


def test_a_vagrant_that_is_too_old_is_told_which_one_fits() -> None:
    said = diagnosed(OtherMachine(virtualbox="7.2.0r1", vagrant="Vagrant 2.4.3"), "fit")
    assert "2.4.9" in said.why


def test_a_kernel_module_that_is_not_loaded_is_no_virtualbox() -> None:
    machine = OtherMachine(virtualbox="WARNING: The vboxdrv kernel module is not loaded.\n7.0.20r1")
    said = diagnosed(machine, "virtualbox")
    assert (said.verdict, str(said.mend)) == (Verdict.LACKING, "sudo /sbin/vboxconfig")


@pytest.mark.parametrize(
    ("conf", "verdict"),
    [
        (None, Verdict.OK),
        ("* 10.0.0.0/8 192.168.0.0/16\n* 2001::/64\n", Verdict.OK),
        ("# * 192.168.56.0/24\n* 10.0.0.0/8\n", Verdict.LACKING),
        ("* 192.168.56.0/24 # the lab\n", Verdict.OK),
        ("* 192.168.56\n", Verdict.LACKING),
        ("", Verdict.LACKING),
    ],
)
def test_networks_conf_must_allow_the_labs_range(conf: str | None, verdict: Verdict) -> None:
    files = {"/proc/cpuinfo": "vmx"} | ({} if conf is None else {"/etc/vbox/networks.conf": conf})
    said = diagnosed(OtherMachine(files=files), "range-allowed")
    assert said.verdict is verdict
    if verdict is Verdict.LACKING:
        ((*sudo, script),) = said.mend.commands
        assert sudo == ["sudo", "sh", "-c"]
        assert 'echo "* 192.168.56.0/24" >>/etc/vbox/networks.conf' in script


def test_an_interface_with_an_address_of_the_lab_is_named() -> None:
    said = diagnosed(OtherMachine(interfaces=(("wg0", "192.168.56.7/24"),)), "range-free")
    assert said.verdict is Verdict.LACKING
    assert "wg0" in said.what


@pytest.mark.parametrize(
    ("interface", "answers"),
    [
        ("vboxnet0", {}),
        ("VirtualBox Host-Only Network", {}),
        ("Ethernet 2", {"hostonlyifs": "Name: Adapter\nIPAddress:       192.168.56.1\n"}),
    ],
)
def test_virtualboxs_own_interface_is_not_in_the_way(
    interface: str, answers: dict[str, str]
) -> None:
    machine = OtherMachine(interfaces=((interface, "192.168.56.1/24"),), answers=answers)
    assert diagnosed(machine, "range-free").verdict is Verdict.OK


def test_too_little_disk_and_memory() -> None:
    assert diagnosed(OtherMachine(disk=2 * GIB), "disk").verdict is Verdict.LACKING
    assert diagnosed(OtherMachine(memory=GIB), "memory").verdict is Verdict.WARNING


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("True False\n", Verdict.OK),
        ("False False\n", Verdict.LACKING),
        ("False True\n", Verdict.WARNING),
    ],
)
def test_windows_virtualization_off_or_taken_by_hyper_v(said: str, verdict: Verdict) -> None:
    machine = OtherMachine(system="win32", answers={"Win32_ComputerSystem": said})
    found = diagnosed(machine, "virtualization")
    assert found.verdict is verdict
    if verdict is Verdict.WARNING:
        assert "bcdedit /set hypervisorlaunchtype off" in str(found.mend)


def test_linux_without_virtualization_or_on_arm() -> None:
    assert diagnosed(OtherMachine(files={}), "virtualization").verdict is Verdict.LACKING
    assert (
        diagnosed(OtherMachine(architecture="arm64"), "virtualization").verdict is Verdict.LACKING
    )


def test_a_home_with_letters_outside_ascii_is_trouble_on_windows_only() -> None:
    home = Path("C:/Users/太郎")
    said = diagnosed(OtherMachine(system="win32", home=home), "home")
    assert said.verdict is Verdict.LACKING
    assert "VAGRANT_HOME" in str(said.mend)
    moved = {"VAGRANT_HOME": r"C:\vagrant"}
    at_peace = OtherMachine(system="win32", home=home, variables=moved)
    assert diagnosed(at_peace, "home").verdict is Verdict.OK
    assert diagnosed(OtherMachine(home=Path("/home/太郎")), "home").verdict is Verdict.OK


def test_up_asks_only_the_quick_part_and_raises_what_is_missing() -> None:
    begun = time.monotonic()
    ensure(checks(), OtherMachine())
    assert time.monotonic() - begun < 1
    with pytest.raises(MachineLacks) as caught:
        ensure(checks(), OtherMachine(programs=("vagrant",)))
    assert caught.value.exit_code is ExitCode.MACHINE
    assert str(caught.value.hint) == "https://www.virtualbox.org/wiki/Linux_Downloads"


def test_versions_that_cannot_be_read_are_not_compared() -> None:
    assert diagnosed(OtherMachine(vagrant=""), "fit").verdict is Verdict.UNKNOWN
    assert diagnosed(OtherMachine(programs=()), "fit").verdict is Verdict.UNKNOWN


def test_virtualbox_is_found_where_windows_installs_it() -> None:
    path = "C:\\Program Files\\Oracle\\VirtualBox\\VBoxManage.exe"
    machine = OtherMachine(
        system="win32",
        distribution="",
        programs=("vagrant",),
        files={path: ""},
        variables={"PROGRAMFILES": "C:\\Program Files"},
        answers={path: "7.1.4r165100\n"},
        vagrant="Vagrant 2.4.3\n",
    )
    assert diagnosed(machine, "virtualbox").verdict is Verdict.OK
    assert VagrantProvider.suits(machine) == "VirtualBox is installed"
    assert VagrantProvider.suits(OtherMachine(programs=("vagrant",))) is None
