"""What the Vagrant provider says of machines of all kinds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labctl.errors import ExitCode, MachineLacks
from labctl.health import Diagnosis, Verdict
from labctl.home import LabHome
from labctl.lab import Lab, LabFile, load_edition
from labctl.machine import Machine
from labctl.providers.checks import Check, ensure, run_checks
from labctl.providers.vagrant import VagrantProvider
from labctl.providers.vagrant.libvirt_checks import libvirt_answers, libvirt_plugin
from tests.fakes.machine import GIB, OtherMachine

LAB = Lab(name="default", edition=load_edition("ubuntu-example"))

MAC = OtherMachine(
    system="darwin",
    distribution="",
    architecture="arm64",
    home=Path("/Users/hanako"),
    virtualbox="7.1.4r165100\n",
    vagrant="Vagrant 2.4.3\n",
    answers={"sysctl -n kern.hv_support": "1\n"},
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
        # Debian's own Vagrant would refuse this VirtualBox.
        (
            OtherMachine(programs=("VBoxManage",), virtualbox="7.2.4r170995\n"),
            "https://developer.hashicorp.com/vagrant/install",
        ),
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
        (
            "Ethernet 2",
            {"VBoxManage list hostonlyifs": "Name: Adapter\nIPAddress:       192.168.56.1\n"},
        ),
        (
            "イーサネット 2",
            {"VBoxManage list hostonlyifs": "名前: Adapter\nIPアドレス:     192.168.56.1\n"},
        ),
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


def disks(boxes: float, machines: float) -> Diagnosis:
    """A machine whose VirtualBox and Vagrant have disks of their own, with so many GiB free."""
    machine = OtherMachine(
        variables={"VAGRANT_HOME": "/boxes"},
        answers={"VBoxManage list systemproperties": "Default machine folder: /vms\n"},
        other_disks={str(Path("/boxes")): int(boxes * GIB), str(Path("/vms")): int(machines * GIB)},
        disk=0,
    )
    return diagnosed(machine, "disk")


@pytest.mark.parametrize(
    ("boxes", "machines", "verdict", "folder"),
    [
        # Two machines with 1.5 GiB each, and 7 snapshots of half a GiB for each of them.
        (3, 10, Verdict.OK, "/vms"),
        (3, 9.9, Verdict.WARNING, "/vms"),
        (30, 2.9, Verdict.LACKING, "/vms"),
        (2.9, 30, Verdict.LACKING, "/boxes"),
        # One disk for both.
        (13, 13, Verdict.OK, "/vms"),
        (12.9, 12.9, Verdict.WARNING, "/vms"),
        (5.9, 5.9, Verdict.LACKING, "/vms"),
        (0, 30, Verdict.UNKNOWN, "/boxes"),
    ],
)
def test_the_box_and_the_machines_may_be_on_two_disks(
    boxes: float, machines: float, verdict: Verdict, folder: str
) -> None:
    said = disks(boxes, machines)
    assert said.verdict is verdict, said
    assert str(Path(folder)) in said.what


@pytest.mark.parametrize(
    ("free", "verdict"),
    [(GIB // 2, Verdict.LACKING), (2 * GIB, Verdict.OK), (0, Verdict.UNKNOWN)],
)
def test_a_lab_that_exists_needs_room_for_its_next_snapshot_only(
    tmp_path: Path, free: int, verdict: Verdict
) -> None:
    home = LabHome(name="default", state=tmp_path / "state", cache=tmp_path / "cache")
    machine_id = home.state / "vagrant" / ".vagrant" / "machines" / "host1" / "virtualbox" / "id"
    machine_id.parent.mkdir(parents=True)
    machine_id.touch()
    said = run_checks(VagrantProvider(LAB, home).checks(), OtherMachine(disk=free))
    assert {each.code: each.verdict for each in said}["disk"] is verdict


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
    moved = {"VAGRANT_HOME": r"C:\vagrant", "LABCTL_STATE_DIR": r"C:\labctl"}
    folder = {"VBoxManage list systemproperties": "Default machine folder:          C:\\VMs\n"}
    at_peace = OtherMachine(system="win32", home=home, variables=moved, answers=folder)
    assert diagnosed(at_peace, "home").verdict is Verdict.OK
    assert diagnosed(OtherMachine(home=Path("/home/太郎")), "home").verdict is Verdict.OK


def test_up_asks_only_the_quick_part_and_raises_what_is_missing() -> None:
    asked: list[str] = []

    def noted(check: Check) -> Check:
        return replace(check, look=lambda _machine: asked.append(check.code))

    ensure([noted(check) for check in checks()], OtherMachine())
    assert sorted(asked) == sorted(check.code for check in checks() if check.quick)
    assert len(asked) < len(checks())
    ensure(checks(), OtherMachine())
    with pytest.raises(MachineLacks) as caught:
        ensure(checks(), OtherMachine(programs=("vagrant",)))
    assert caught.value.exit_code is ExitCode.MACHINE
    assert str(caught.value.hint) == "https://www.virtualbox.org/wiki/Linux_Downloads"


def test_versions_that_cannot_be_read_are_not_compared() -> None:
    assert diagnosed(OtherMachine(vagrant=""), "fit").verdict is Verdict.UNKNOWN
    assert diagnosed(OtherMachine(programs=()), "fit").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("machine", [OtherMachine(programs=()), OtherMachine(virtualbox="")])
def test_of_an_unknown_version_nothing_is_said(machine: OtherMachine) -> None:
    assert "trouble" not in [each.code for each in run_checks(checks(), machine)]


def test_virtualbox_is_found_where_windows_installs_it() -> None:
    path = "C:\\Program Files\\Oracle\\VirtualBox\\VBoxManage.exe"
    machine = OtherMachine(
        system="win32",
        distribution="",
        programs=("vagrant",),
        files={path: ""},
        variables={"PROGRAMFILES": "C:\\Program Files"},
        answers={f"{path} --version": "7.1.4r165100\n"},
        vagrant="Vagrant 2.4.3\n",
    )
    assert diagnosed(machine, "virtualbox").verdict is Verdict.OK
    assert VagrantProvider.suits(machine) == "VirtualBox is installed"
    assert VagrantProvider.suits(OtherMachine(programs=("vagrant",))) is None


# -- machines that users have ------------------------------------------------------------------

_DHCP = """\
NetworkName:    HostInterfaceNetworking-vboxnet0
Dhcpd IP:       192.168.56.100
LowerIPAddress: 192.168.56.101
UpperIPAddress: 192.168.56.254
NetworkMask:    255.255.255.0
Enabled:        Yes
Global Configuration:
    minLeaseTime:     default
"""
_NO_MODULE = (
    "WARNING: The vboxdrv kernel module is not loaded. Either there is no module\n"
    "         available for the current kernel (6.12.63+deb13-amd64) or it failed to\n"
    "         load. Please recompile the kernel module and install it by\n\n"
    "           sudo /sbin/vboxconfig\n\n"
    "         You will not be able to start VMs until this problem is fixed.\n7.0.26r168464\n"
)
_NO_DEVICE = (
    "WARNING: The character device /dev/vboxdrv does not exist.\n"
    "\t Please install the virtualbox-dkms package and the appropriate\n"
    "\t headers, most likely linux-headers-amd64.\n7.0.26_Debianr168464\n"
)
_UNKNOWN_MODULE = (
    "WARNING: Environment variable LOGNAME or USER does not correspond to effective user id.\n"
    "Linux 6.12.63 is newer than any that was tested\n7.1.12r169651\n"
)


def linux(kernel: str = "6.12.63+deb13-amd64", **files: str) -> dict[str, str]:
    """The files of a Linux machine. Keywords are kernel modules with their parameter."""
    found = {"/proc/cpuinfo": "flags : vmx sse", "/proc/sys/kernel/osrelease": f"{kernel}\n"}
    for module, parameter in files.items():
        found[f"/sys/module/{module}"] = ""
        if parameter:
            found["/sys/module/kvm/parameters/enable_virt_at_load"] = f"{parameter}\n"
    return found


def routes(*lines: str) -> str:
    """/proc/net/route of a little-endian machine: interface, destination and mask of each line."""
    head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    rows = (line.split() for line in lines)
    return head + "".join(
        f"{name}\t{target}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"
        for name, target, mask in rows
    )


# VirtualBox's usual program on Windows, which Vagrant prefers.
_USUAL = r"C:\Program Files\Oracle\VirtualBox\VBoxManage.exe"

CASES: list[tuple[str, OtherMachine, str, Verdict, str]] = [
    (
        "KVM holds VT-x since Linux 6.12",
        OtherMachine(files=linux(kvm_intel="Y"), virtualbox="7.1.12r169651\n"),
        "virtualization",
        Verdict.LACKING,
        "modprobe -r kvm_intel kvm",
    ),
    (
        "KVM on AMD, with its parameter unreadable",
        OtherMachine(files=linux(kvm_amd=""), virtualbox="7.2.4r170995\n"),
        "virtualization",
        Verdict.LACKING,
        "enable_virt_at_load=0",
    ),
    (
        "KVM was told to let go",
        OtherMachine(files=linux(kvm_intel="N"), virtualbox="7.1.12r169651\n"),
        "virtualization",
        Verdict.OK,
        "",
    ),
    (
        "an older kernel lets go by itself",
        OtherMachine(files=linux("6.1.0-40-amd64", kvm_intel="Y"), virtualbox="7.1.12r169651\n"),
        "virtualization",
        Verdict.OK,
        "",
    ),
    (
        "from 7.2.10 on VirtualBox goes through KVM",
        OtherMachine(files=linux(kvm_intel="Y"), virtualbox="7.2.10r175000\n"),
        "virtualization",
        Verdict.OK,
        "",
    ),
    (
        "and fails if KVM was told to let go",
        OtherMachine(files=linux(kvm_intel="N"), virtualbox="7.2.10r175000\n"),
        "virtualization",
        Verdict.LACKING,
        "modprobe kvm_intel",
    ),
    (
        "the module is not loaded, and the kernel's number is not VirtualBox's",
        OtherMachine(virtualbox=_NO_MODULE),
        "virtualbox",
        Verdict.LACKING,
        "sudo /sbin/vboxconfig",
    ),
    (
        "/dev/vboxdrv does not exist, on Ubuntu",
        OtherMachine(distribution="ubuntu", virtualbox=_NO_DEVICE),
        "virtualbox",
        Verdict.LACKING,
        "sudo apt install --reinstall virtualbox-dkms",
    ),
    (
        "a kernel's number in a warning is not VirtualBox's version",
        OtherMachine(virtualbox=_UNKNOWN_MODULE),
        "fit",
        Verdict.OK,
        "",
    ),
    (
        "Apple silicon with VirtualBox before 7.1",
        replace(MAC, virtualbox="7.0.20r163906\n"),
        "virtualbox",
        Verdict.LACKING,
        "brew install --cask virtualbox",
    ),
    (
        "the same with a Python for Intel under Rosetta",
        replace(
            MAC,
            architecture="x86_64",
            virtualbox="7.0.20r163906\n",
            answers={"sysctl -n hw.optional.arm64": "1\n"},
        ),
        "virtualbox",
        Verdict.LACKING,
        "brew install --cask virtualbox",
    ),
    (
        "networks.conf does not matter to VirtualBox 7 on a Mac",
        replace(MAC, files={"/etc/vbox/networks.conf": "* 10.0.0.0/8\n"}),
        "range-allowed",
        Verdict.OK,
        "",
    ),
    (
        "a Mac that does not answer",
        replace(MAC, answers={}),
        "virtualization",
        Verdict.UNKNOWN,
        "",
    ),
    (
        "PowerShell that answers nothing",
        replace(WINDOWS, answers={}),
        "virtualization",
        Verdict.UNKNOWN,
        "",
    ),
    (
        "memory that is not known is not 0 MiB",
        replace(WINDOWS, memory=0),
        "memory",
        Verdict.UNKNOWN,
        "",
    ),
    (
        "addresses that are not known are not free",
        replace(WINDOWS, interfaces=()),
        "range-free",
        Verdict.UNKNOWN,
        "",
    ),
    (
        "a disk that is not known is not full",
        replace(WINDOWS, disk=0),
        "disk",
        Verdict.UNKNOWN,
        "",
    ),
    (
        "a user who may not ask whether Memory integrity is on",
        replace(WINDOWS, answers={"Win32_ComputerSystem": "True True  \r\n"}),
        "virtualization",
        Verdict.WARNING,
        "Core isolation",
    ),
    (
        "PowerShell that warns first",
        replace(
            WINDOWS, answers={"Win32_ComputerSystem": "警告: 時間がかかります\r\nTrue False 0 \r\n"}
        ),
        "virtualization",
        Verdict.OK,
        "",
    ),
    (
        "PowerShell that answers with an error",
        replace(WINDOWS, answers={"Win32_ComputerSystem": "アクセスが拒否されました\r\n"}),
        "virtualization",
        Verdict.UNKNOWN,
        "",
    ),
    (
        "the modules in other words",
        OtherMachine(virtualbox="WARNING: The VirtualBox kernel modules are not loaded.\n7.0.20r1"),
        "virtualbox",
        Verdict.LACKING,
        "vboxconfig",
    ),
    (
        "/dev/vboxdrv does not exist, with Debian's package",
        OtherMachine(virtualbox=_NO_DEVICE),
        "virtualbox",
        Verdict.LACKING,
        "virtualbox-dkms",
    ),
    (
        "Oracle's package on Ubuntu",
        OtherMachine(distribution="ubuntu", virtualbox=_NO_MODULE),
        "virtualbox",
        Verdict.LACKING,
        "sudo /sbin/vboxconfig",
    ),
    (
        "a warning that Vagrant takes for the version",
        OtherMachine(virtualbox=_UNKNOWN_MODULE),
        "virtualbox",
        Verdict.WARNING,
        "VBoxManage --version",
    ),
    (
        "a warning that Vagrant leaves out",
        OtherMachine(virtualbox="WARNING: USER is not the effective user.\n7.0.20r163906\n"),
        "virtualbox",
        Verdict.OK,
        "",
    ),
    (
        "a kernel's number on a line of its own",
        OtherMachine(virtualbox="WARNING: untested kernel\n6.12.63-amd64\n7.1.12r169651\n"),
        "fit",
        Verdict.OK,
        "",
    ),
    (
        "a DHCP server in the labels of another language",
        replace(
            WINDOWS,
            answers={"VBoxManage list dhcpservers": "ネットワーク名:    HostInterfaceNetworking\n"},
        ),
        "dhcp",
        Verdict.UNKNOWN,
        "",
    ),
    (
        "a machine of VirtualBox with a Japanese name",
        replace(
            WINDOWS,
            answers={"VBoxManage list vms": '"練習用" {8f2a0d3c-1111-4222-8333-444455556666}\n'},
        ),
        "home",
        Verdict.WARNING,
        "rename",
    ),
    (
        "Memory integrity is on: bcdedit alone does not help",
        replace(WINDOWS, answers={"Win32_ComputerSystem": "True True 2 1,2\n"}),
        "virtualization",
        Verdict.WARNING,
        "Core isolation",
    ),
    (
        "a firmware whose switch Windows does not know",
        replace(WINDOWS, answers={"Win32_ComputerSystem": " True 2 1,2\r\n"}),
        "virtualization",
        Verdict.WARNING,
        "Core isolation",
    ),
    (
        "Windows for ARM with a VirtualBox for Intel only",
        replace(WINDOWS, variables={"PROCESSOR_ARCHITEW6432": "ARM64"}),
        "virtualbox",
        Verdict.LACKING,
        "winget install",
    ),
    (
        "the same with a Python for Intel, which Windows emulates",
        replace(WINDOWS, variables={"PROCESSOR_IDENTIFIER": "ARMv8 (64-bit) Family 8, Qualcomm"}),
        "virtualbox",
        Verdict.LACKING,
        "winget install",
    ),
    (
        "Windows for Intel",
        replace(WINDOWS, variables={"PROCESSOR_IDENTIFIER": "Intel64 Family 6, GenuineIntel"}),
        "virtualbox",
        Verdict.OK,
        "",
    ),
    (
        "a lab in containers has a route to the same range",
        OtherMachine(
            files={**linux(), "/proc/net/route": routes("lab-8f859ad6 0038A8C0 00FFFFFF")}
        ),
        "range-free",
        Verdict.WARNING,
        "lab in containers",
    ),
    (
        "VirtualBox's own route, the default route and a larger range of a VPN",
        OtherMachine(
            files={
                **linux(),
                "/proc/net/route": routes(
                    "vboxnet0 0038A8C0 00FFFFFF", "eth0 00000000 00000000", "tun0 0000A8C0 0000FFFF"
                ),
            }
        ),
        "range-free",
        Verdict.OK,
        "",
    ),
    (
        "Windows for ARM with a VirtualBox that knows it",
        replace(WINDOWS, architecture="arm64", virtualbox="7.2.4r170995\n"),
        "virtualbox",
        Verdict.OK,
        "",
    ),
    (
        "Secure Boot refuses VirtualBox's kernel module",
        OtherMachine(
            virtualbox="WARNING: The vboxdrv kernel module is not loaded.\n7.0.20r1\n",
            answers={"mokutil --sb-state": "SecureBoot enabled\n"},
        ),
        "virtualbox",
        Verdict.LACKING,
        "Secure Boot",
    ),
    (
        "the same without the program mokutil",
        OtherMachine(
            virtualbox="WARNING: The vboxdrv kernel module is not loaded.\n7.0.20r1\n",
            files={
                **linux(),
                "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c": (
                    "\x06\0\0\0\x01"
                ),
            },
        ),
        "virtualbox",
        Verdict.LACKING,
        "Secure Boot",
    ),
    (
        "virtualization-based security without Memory integrity",
        replace(WINDOWS, answers={"Win32_ComputerSystem": "True True 2 \n"}),
        "virtualization",
        Verdict.WARNING,
        "Core isolation",
    ),
    (
        "Vagrant that prints no version",
        OtherMachine(vagrant=""),
        "vagrant",
        Verdict.UNKNOWN,
        "developer.hashicorp.com",
    ),
    (
        "Vagrant that cannot choose the box's build",
        OtherMachine(vagrant="Vagrant 2.3.4\n"),
        "vagrant",
        Verdict.WARNING,
        "developer.hashicorp.com",
    ),
    (
        "WSL 2",
        OtherMachine(files=linux("5.15.167.4-microsoft-standard-WSL2")),
        "wsl",
        Verdict.LACKING,
        "PowerShell",
    ),
    (
        "VirtualBox whose forwarded ports reset SSH",
        OtherMachine(virtualbox="7.2.2r170484\n"),
        "trouble",
        Verdict.WARNING,
        "virtualbox.org",
    ),
    (
        "VirtualBox whose machines do not start on Windows",
        replace(WINDOWS, virtualbox="7.2.18r180000\n"),
        "trouble",
        Verdict.WARNING,
        "install VirtualBox 7.2.16",
    ),
    (
        "the same VirtualBox elsewhere",
        OtherMachine(virtualbox="7.2.18r180000\n"),
        "trouble",
        Verdict.OK,
        "",
    ),
    (
        "VirtualBox's factory DHCP server",
        OtherMachine(answers={"VBoxManage list dhcpservers": _DHCP}),
        "dhcp",
        Verdict.WARNING,
        "dhcpserver remove --network=HostInterfaceNetworking-vboxnet0",
    ),
    (
        "the same, switched off",
        OtherMachine(answers={"VBoxManage list dhcpservers": _DHCP.replace("Yes", "No")}),
        "dhcp",
        Verdict.OK,
        "",
    ),
    (
        "no room for snapshots that hold memory",
        OtherMachine(disk=12 * GIB),
        "disk",
        Verdict.WARNING,
        "VAGRANT_HOME",
    ),
    (
        "VirtualBox makes machines in a folder that Vagrant cannot read",
        replace(
            WINDOWS,
            answers={
                "VBoxManage list systemproperties": "Default machine folder:      D:\\仮想マシン\n"
            },
        ),
        "home",
        Verdict.LACKING,
        "machinefolder",
    ),
    (
        "two VirtualBoxes, of which Vagrant uses the older one",
        replace(
            WINDOWS,
            files={_USUAL: ""},
            answers={**WINDOWS.answers, f"{_USUAL} --version": "6.1.50r161033\n"},
        ),
        "installations",
        Verdict.WARNING,
        "uninstall",
    ),
    (
        "the module for host-only networks is not loaded",
        OtherMachine(files={**linux(), "/dev/vboxdrv": ""}),
        "hostonly",
        Verdict.LACKING,
        "sudo modprobe vboxnetadp",
    ),
    (
        "a Vagrantfile in Vagrant's own folder",
        OtherMachine(files={**linux(), "/home/taro/.vagrant.d/Vagrantfile": ""}),
        "vagrantfile",
        Verdict.WARNING,
        "rename",
    ),
    (
        "the same in a folder that the user chose",
        OtherMachine(
            files={**linux(), "/data/vagrant/Vagrantfile": ""},
            variables={"VAGRANT_HOME": "/data/vagrant"},
        ),
        "vagrantfile",
        Verdict.WARNING,
        "rename",
    ),
    (
        "a proxy that the machines do not use",
        replace(WINDOWS, variables={"https_proxy": "http://proxy.example.ac.jp:8080"}),
        "proxy",
        Verdict.WARNING,
        "another network",
    ),
    (
        "boxes in OneDrive",
        replace(WINDOWS, variables={"VAGRANT_HOME": r"C:\Users\taro\OneDrive - Example\vagrant"}),
        "place",
        Verdict.WARNING,
        "setx VAGRANT_HOME",
    ),
    (
        "machines on a network drive",
        replace(
            WINDOWS,
            answers={
                "VBoxManage list systemproperties": "Default machine folder:  \\\\server\\vms\n"
            },
        ),
        "place",
        Verdict.WARNING,
        "machinefolder",
    ),
    (
        "boxes in the cloud folder of a Mac",
        replace(MAC, variables={"VAGRANT_HOME": "/Users/hanako/Library/CloudStorage/boxes"}),
        "place",
        Verdict.WARNING,
        "a disk of this machine",
    ),
]


@pytest.mark.parametrize(
    ("machine", "code", "verdict", "mend"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_a_machine_that_users_have(
    machine: OtherMachine, code: str, verdict: Verdict, mend: str
) -> None:
    said = diagnosed(machine, code)
    assert said.verdict is verdict, said
    assert mend in str(said.mend)
    if verdict is Verdict.LACKING:
        assert said.mend


def test_the_password_of_a_proxy_is_not_shown() -> None:
    machine = OtherMachine(variables={"HTTPS_PROXY": "http://taro:secret@proxy.example:8080"})
    said = diagnosed(machine, "proxy")
    assert "proxy.example:8080" in said.what
    assert "secret" not in str(said)


def test_a_machine_with_both_modules_is_told_nothing_of_them() -> None:
    machine = OtherMachine(files={**linux(), "/dev/vboxdrv": "", "/dev/vboxnetctl": ""})
    assert "hostonly" not in [each.code for each in run_checks(checks(), machine)]


@pytest.mark.parametrize(
    "machine",
    [
        OtherMachine(programs=(), files=linux("6.6.87.2-microsoft-standard-WSL2")),
        OtherMachine(programs=(), files=linux("4.4.0-19041-Microsoft")),
        OtherMachine(
            programs=(), files=linux("6.9.1-own"), variables={"WSL_DISTRO_NAME": "Ubuntu"}
        ),
    ],
)
def test_in_wsl_nothing_else_is_asked_for(machine: OtherMachine) -> None:
    (said,) = run_checks(checks(), machine)
    assert (said.code, said.verdict) == ("wsl", Verdict.LACKING)


LIBVIRT = OtherMachine(
    programs=("vagrant", "virsh"),
    answers={
        "vagrant plugin list": "vagrant-libvirt (0.11.2, system)\n",
        "virsh -c qemu:///system version": "Using API: QEMU 7.2\n",
    },
    files={"/dev/kvm": ""},
)


def libvirt(machine: Machine) -> dict[str, Verdict]:
    lab = Lab(
        name="default",
        edition=LAB.edition,
        choices=LabFile.model_validate({"hypervisor": "libvirt"}),
    )
    made = VagrantProvider(lab, HOME).checks()
    return {each.code: each.verdict for each in run_checks(made, machine)}


def test_libvirt_needs_no_virtualbox() -> None:
    found = libvirt(LIBVIRT)
    assert set(found.values()) == {Verdict.OK}
    assert "virtualbox" not in found


@pytest.mark.parametrize(
    ("machine", "code", "verdict"),
    [
        (
            replace(LIBVIRT, answers={"virsh -c qemu:///system version": "QEMU"}),
            "plugin",
            Verdict.LACKING,
        ),
        (
            replace(LIBVIRT, answers={"vagrant plugin list": "vagrant-libvirt"}),
            "libvirt",
            Verdict.LACKING,
        ),
        (replace(LIBVIRT, programs=("vagrant",)), "libvirt", Verdict.LACKING),
        (replace(LIBVIRT, files={}), "kvm", Verdict.WARNING),
        (replace(LIBVIRT, system="darwin", distribution=""), "libvirt", Verdict.LACKING),
    ],
)
def test_what_libvirt_lacks(machine: OtherMachine, code: str, verdict: Verdict) -> None:
    assert libvirt(machine)[code] is verdict


@pytest.mark.parametrize(
    ("machine", "mend"),
    [
        (LIBVIRT, "sudo apt install libvirt-daemon-system"),
        (replace(LIBVIRT, distribution="fedora"), "https://vagrant-libvirt.github.io/"),
        (replace(LIBVIRT, system="win32", distribution=""), 'hypervisor = "virtualbox"'),
    ],
)
def test_each_system_is_told_how_it_gets_libvirt(machine: OtherMachine, mend: str) -> None:
    assert mend in str(libvirt_answers(replace(machine, programs=("vagrant",))).mend)


def test_a_user_has_to_be_in_the_group_of_libvirt_and_root_has_not() -> None:
    silent = replace(LIBVIRT, answers={})
    assert "sudo adduser taro libvirt" in str(libvirt_answers(silent).mend)
    mend = libvirt_answers(replace(silent, is_root=True)).mend
    assert str(mend) == "sudo systemctl enable --now libvirtd"


@pytest.mark.parametrize(
    ("files", "mend"),
    [
        ({}, "sudo apt install vagrant-libvirt"),
        ({"/opt/vagrant": ""}, "vagrant plugin install vagrant-libvirt"),
    ],
)
def test_the_plugin_comes_from_where_vagrant_comes_from(files: dict[str, str], mend: str) -> None:
    said = libvirt_plugin(replace(LIBVIRT, answers={}, files=files))
    assert str(said.mend) == mend


def test_up_asks_for_the_plugin_of_libvirt_first() -> None:
    lab = Lab(
        name="default",
        edition=LAB.edition,
        choices=LabFile.model_validate({"hypervisor": "libvirt"}),
    )
    with pytest.raises(MachineLacks, match="vagrant-libvirt"):
        ensure(VagrantProvider(lab, HOME).checks(), replace(LIBVIRT, answers={}))
