"""What Vagrant's and VirtualBox's errors mean, each with what to do next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState
from labctl.providers.vagrant.failures import failure
from labctl.providers.vagrant.meaning import Locked, NoBoot, PortTaken
from labctl.providers.vagrant.meanings import MEANINGS
from labctl.run import Completed

LOG = Path("/home/taro/vagrant.log")

# VBoxManage's words as users have met them, and what they mean.
VBOXMANAGE: list[tuple[str, str, type[LabError]]] = [
    (
        "VBoxManage: error: VirtualBox can't operate in VMX root mode. Please disable the KVM "
        "kernel extension, recompile your kernel and reboot (VERR_VMX_IN_VMX_ROOT_MODE)",
        "another hypervisor",
        MachineLacks,
    ),
    (
        "VBoxManage: error: AMD-V is being used by another hypervisor (VERR_SVM_IN_USE).",
        "another hypervisor",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Call to WHvSetupPartition failed: ERROR_SUCCESS "
        "(VERR_NEM_VM_CREATE_FAILED)",
        "another hypervisor",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: Raw-mode is unavailable courtesy of Hyper-V. "
        "(VERR_SUPDRV_NO_RAW_MODE_HYPER_V_ROOT)\nVBoxManage.exe: error: Details: code E_FAIL "
        "(0x80004005), component ConsoleWrap, interface IConsole",
        "another hypervisor",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: Not in a hypervisor partition (HVP=0) (VERR_NEM_NOT_AVAILABLE).\n"
        "VBoxManage.exe: error: VT-x is disabled in the BIOS for all CPU modes "
        "(VERR_VMX_MSR_ALL_VMX_DISABLED)",
        "virtualization is switched off",
        MachineLacks,
    ),
    (
        "VBoxManage: error: VT-x is disabled in the BIOS for all CPU modes "
        "(VERR_VMX_MSR_ALL_VMX_DISABLED)",
        "virtualization is switched off",
        MachineLacks,
    ),
    (
        "VBoxManage: error: The virtual machine 'labctl-default-host1' has terminated unexpectedly "
        "during startup with exit code 1 (0x1)\nVERR_VM_DRIVER_NOT_INSTALLED (rc=-1908)",
        "kernel modules",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Could not rename the directory '/home/taro/VirtualBox VMs/temp_clone_1'"
        " to '/home/taro/VirtualBox VMs/labctl-default-host1' to save the settings file "
        "(VERR_ALREADY_EXISTS)",
        "folder of a deleted machine",
        WrongState,
    ),
    (
        "Progress state: NS_ERROR_FAILURE\nVBoxManage: error: Failed to create the host-only "
        "adapter\nVBoxManage: error: VBoxNetAdpCtl: Error while adding new interface: failed to "
        "open /dev/vboxnetctl: No such file or directory",
        "kernel modules",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: Failed to create the host-only adapter\nVBoxManage.exe: error: "
        "Querying NetCfgInstanceId failed (0x00000002)",
        "network cannot be created",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Nonexistent host networking interface, name 'vboxnet0' "
        "(VERR_INTERNAL_ERROR)\nVBoxManage: error: Details: code NS_ERROR_FAILURE (0x80004005), "
        "component ConsoleWrap, interface IConsole",
        "network cannot be created",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: Failed to open/create the internal network 'HostInterfaceNetworking"
        "-VirtualBox Host-Only Ethernet Adapter' (VERR_INTNET_FLT_IF_NOT_FOUND).\nVBoxManage.exe: "
        "error: Failed to attach the network LUN (VERR_INTNET_FLT_IF_NOT_FOUND)",
        "network cannot be created",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Cannot run the machine because its platform architecture x86 is not "
        "supported on ARM\nVBoxManage: error: Details: code VBOX_E_PLATFORM_ARCH_NOT_SUPPORTED "
        "(0x80bb0012), component MachineWrap, interface IMachine, callee nsISupports",
        "no build for this processor",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: The virtual machine 'labctl-default-host1' has terminated "
        "unexpectedly during startup with exit code 1 (0x1).  More details may be available in "
        "'C:\\Users\\taro\\VirtualBox VMs\\labctl-default-host1\\Logs\\VBoxHardening.log'",
        "before it began",
        NoBoot,
    ),
    (
        "VBoxManage.exe: error: Failed to create the VirtualBox object!\nVBoxManage.exe: error: "
        "Code CO_E_SERVER_EXEC_FAILURE (0x80080005) - Server execution failed (extended info not "
        "available)",
        "VirtualBox's service does not answer",
        MachineLacks,
    ),
    (
        "Call to virDomainCreateWithFlags failed: internal error: process exited while connecting "
        "to monitor: Could not access KVM kernel module: Permission denied",
        "QEMU cannot start",
        NoBoot,
    ),
    (
        "VBoxManage: error: Code E_ACCESSDENIED (0x80070005) - Access denied (extended info not "
        'available)\nVBoxManage: error: Context: "EnableStaticIPConfig(Bstr(pIp).raw())" of '
        "hostonlyif",
        "network cannot be created",
        MachineLacks,
    ),
    (
        "VBoxManage: error: The machine 'labctl-default-host1' is already locked for a session "
        "(or being unlocked)",
        "VirtualBox has locked a machine",
        Locked,
    ),
    (
        "VBoxManage: error: Could not write to the file (VERR_DISK_FULL)",
        "disk is full",
        MachineLacks,
    ),
    (
        "VBoxManage: error: configuration error: failed to set up redirection of 20045 to "
        "10.0.2.15:22. Probably a conflict with existing services or other rules "
        "(VERR_NAT_REDIR_SETUP).",
        "port that the lab needs is in use",
        PortTaken,
    ),
    (
        "VBoxManage.exe: error: Machine settings file 'C:\\Users\\taro\\VirtualBox VMs\\"
        "labctl-default-host1\\labctl-default-host1.vbox' already exists\nVBoxManage.exe: error: "
        "Details: code VBOX_E_FILE_ERROR (0x80bb0004), component MachineWrap, interface IMachine",
        "folder of a deleted machine",
        WrongState,
    ),
    (
        "VBoxManage: error: Cannot register the hard disk '/home/taro/VirtualBox VMs/a/box.vmdk' "
        "{3c72} because a hard disk '/old/box.vmdk' with UUID {3c72} already exists",
        "still lists a disk",
        WrongState,
    ),
    (
        "VBoxManage.exe: error: Failed to create the VirtualBox object!\nVBoxManage.exe: error: "
        "Code REGDB_E_CLASSNOTREG (0x80040154) - Class not registered (extended info not "
        "available)",
        "VirtualBox's service does not answer",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: Code RPC_S_SERVER_UNAVAILABLE 0x800706BA (0x800706BA) - The RPC "
        "server is unavailable (extended info not available)",
        "VirtualBox's service does not answer",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Code NS_ERROR_CALL_FAILED (0x800706BE) - Call to remote object failed "
        "(extended info not available)",
        "VirtualBox's service does not answer",
        MachineLacks,
    ),
    (
        "VBoxManage: error: The VM session was closed before any attempt to power it on",
        "stopped during its boot",
        NoBoot,
    ),
    (
        "VBoxManage: error: Failed to load VMMR0.r0 (VERR_SUPLIB_OWNER_NOT_ROOT).",
        "own files are damaged",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: The hardened process was stopped (VERR_SUP_VP_NOT_SIGNED)",
        "own files are damaged",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: Could not open the medium 'C:\\VMs\\box.vmdk'. (VERR_VD_VMDK_"
        "INVALID_HEADER)",
        "cannot read a machine of the lab",
        WrongState,
    ),
    (
        "VBoxManage.exe: エラー: メディア 'C:\\VMs\\a.vmdk' を開けません (VERR_SHARING_VIOLATION)",
        "VirtualBox has locked a machine",
        Locked,
    ),
    (
        "VBoxManage: error: Could not create the directory '/home/taro/VirtualBox VMs/a' "
        "(VERR_ACCESS_DENIED)",
        "cannot use one of its folders",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Could not find a registered machine named 'a'\nVBoxManage: error: "
        "Details: code VBOX_E_OBJECT_NOT_FOUND (0x80bb0001), component VirtualBoxWrap",
        "changed outside labctl",
        WrongState,
    ),
    (
        "VBoxManage: error: VT-x is disabled in the BIOS. (VERR_VMX_MSR_VMXON_DISABLED)",
        "virtualization is switched off",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Failed to load the saved state (VERR_SSM_LOADED_TOO_MUCH)",
        "cannot read a machine of the lab",
        WrongState,
    ),
    (
        "VBoxManage: error: Host API has not enabled SVME bit in EFER MSR. "
        "(VERR_SVM_HOST_SVME_NOT_ENABLED)\nVBoxManage: error: Details: code NS_ERROR_FAILURE "
        "(0x80004005), component ConsoleWrap, interface IConsole",
        "KVM is needed",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Unable to locate imported symbol 'SUPR0EnableHwvirt' for module "
        "'VMMR0.r0' (VERR_SYMBOL_NOT_FOUND).",
        "kernel modules",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Code E_ACCESSDENIED (0x80070005) - Access denied (extended info not "
        'available)\nVBoxManage: error: Context: "EnableStaticIPConfig(Bstr(pIp).raw(), '
        'Bstr(pNetmask).raw())" at line 242 of file VBoxManageHostonly.cpp',
        "network cannot be created",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: The native API dll was not found (C:\\WINDOWS\\system32\\"
        "WinHvPlatform.dll) (VERR_NEM_NOT_AVAILABLE).\nVBoxManage.exe: error: VT-x is not "
        "available (VERR_VMX_NO_VMX)",
        "another hypervisor",
        MachineLacks,
    ),
    (
        "VBoxManage: error: The VMMR0.r0 module version does not match VBoxVMM.dll/so/dylib "
        "(VERR_VMM_R0_VERSION_MISMATCH)",
        "kernel modules",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Medium '/home/taro/VirtualBox VMs/a/box.vmdk' is not accessible. Path "
        "'/home/taro/VirtualBox VMs/a/box.vmdk' does not exist.",
        "cannot read a machine of the lab",
        WrongState,
    ),
    (
        "VBoxManage: error: Failed to allocate memory for the guest (VERR_NO_MEMORY)",
        "too little free memory",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: The paging file is too small for this operation to complete. "
        "(0x800705AF)",
        "too little free memory",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Error: vmnet_start_interface returned 1001 (VERR_INVALID_PARAMETER)."
        "\nVBoxManage: error: Failed to attach the network LUN (VERR_INVALID_PARAMETER)",
        "network cannot be created",
        MachineLacks,
    ),
    (
        "VBoxManage: error: hv_vm_create failed: 0xfae94007 (VERR_NEM_VM_CREATE_FAILED)",
        "macOS does not let VirtualBox run",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: NtCreateFile(\\Device\\VBoxDrvStub) failed: 0xc0000034 "
        "STATUS_OBJECT_NAME_NOT_FOUND (0 retries) (rc=-101)",
        "kernel modules",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: Operation did not complete successfully because the file contains "
        "a virus or potentially unwanted software.",
        "another program blocks them",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: RawFile#0 failed to create the raw output file /dev/null "
        "(VERR_PATH_NOT_FOUND)",
        "the box needs something",
        MachineLacks,
    ),
    (
        "VBoxManage.exe: error: Runtime error opening 'C:\\VMs\\a.vbox' for reading: -103 (Path "
        "not found.).",
        "cannot read a machine of the lab",
        WrongState,
    ),
    (
        "VBoxManage: error: Could not get the storage format of the medium '/VMs/a/box.vmdk' "
        "(VERR_NOT_SUPPORTED)",
        "cannot read a machine of the lab",
        WrongState,
    ),
    (
        "VBoxManage.exe: error: Failed to create the VirtualBox object!\nVBoxManage.exe: error: "
        "Document is empty.\nVBoxManage.exe: error: Location: 'C:\\Users\\taro\\.VirtualBox\\"
        "VirtualBox.xml', line 1 (0), column 1.",
        "settings file of VirtualBox is damaged",
        WrongState,
    ),
    (
        "VBoxManage.exe: error: Code E_NOINTERFACE (0x80004002) - No such interface supported "
        "(extended info not available)",
        "VirtualBox's service does not answer",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Machine 'labctl-default-host1' is not currently running.",
        "switched off meanwhile",
        WrongState,
    ),
    (
        "VBoxManage: error: The VM cannot go on (VERR_DEV_IO_ERROR)",
        "a disk of this machine cannot be read",
        MachineLacks,
    ),
    (
        "VBoxManage: error: A fatal error occurred (VERR_VMM_RING0_ASSERTION)",
        "an error of its own",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Could not open the file (VERR_FILENAME_TOO_LONG)",
        "one of its folders",
        MachineLacks,
    ),
    (
        "VBoxManage: error: Failed to lock the medium (VERR_FILE_LOCK_VIOLATION)",
        "VirtualBox has locked a machine",
        Locked,
    ),
]

CLASSES: list[tuple[str, type[LabError]]] = [
    ("MachineActionLockedError", Locked),
    ("VMBootBadState", NoBoot),
    ("ForwardPortCollision", PortTaken),
    ("VirtualBoxUserMismatch", WrongState),
    ("BoxNotFoundWithProviderArchitecture", MachineLacks),
    ("BoxAddNoMatchingArchitecture", MachineLacks),
    ("BoxAddNoMatchingProviderVersion", MachineLacks),
    ("BoxChecksumMismatch", MachineLacks),
    ("WSLVirtualBoxWindowsAccessError", MachineLacks),
    ("HypervVirtualBoxError", MachineLacks),
    ("VMInaccessible", WrongState),
    ("VMBootTimeout", NoBoot),
    ("SSHAuthenticationFailed", WrongState),
    ("UIExpectsTTY", MachineLacks),
    ("DomainStartError", MachineLacks),
    ("SnapshotReversionError", WrongState),
    ("CorruptMachineIndex", MachineLacks),
    ("CommandUnavailableWindows", MachineLacks),
    # A Vagrantfile of the user asks for what the lab does not.
    ("VirtualBoxMountFailed", MachineLacks),
    ("RSyncNotFound", MachineLacks),
    ("VagrantfileSyntaxError", MachineLacks),
]

# Vagrant's texts around what curl says about the download of a box.
_DOWNLOAD = (
    "An error occurred while downloading the remote file. The error\nmessage, if any, is "
    "reproduced below. Please fix this error and try\nagain.\n\n"
)
_CATALOG = (
    "The box 'bento/ubuntu-24.04' could not be found or\ncould not be accessed in the remote "
    'catalog.\n\nURL: ["https://vagrantcloud.com/bento/ubuntu-24.04"]\nError: '
)
DOWNLOADS: list[tuple[str, str]] = [
    ("Could not resolve host: vagrantcloud.com", "cannot be downloaded"),
    ("Recv failure: Connection was reset", "cannot be downloaded"),
    ("SSL certificate problem: certificate is not yet valid", "certificate"),
    ("SSL certificate problem: self-signed certificate in certificate chain", "certificate"),
    ("error setting certificate verify locations:\n  CAfile: /mingw64/ssl/c.crt", "certificate"),
    ("schannel: next InitializeSecurityContext failed: CRYPT_E_NO_REVOCATION_CHECK", "revoked"),
    ("schannel: next InitializeSecurityContext failed: SEC_E_UNTRUSTED_ROOT", "certificate"),
    ("Received HTTP code 407 from proxy after CONNECT", "proxy"),
    ("The requested URL returned error: 407", "proxy"),
    ("Could not resolve proxy: proxy.example.ac.jp", "proxy"),
    ("The requested URL returned error: 429", "no more downloads"),
    ("The requested URL returned error: 404 Not Found", "no such box or version"),
    ("The requested URL returned error: 503", "cannot be downloaded"),
    ("Failure writing output to destination, passed 16384 returned 0", "disk is full"),
]


def failed(name: str, reason: str) -> LabError:
    done = Completed(("vagrant", "up"), 1, "", "")
    return failure(["up"], done, [(f"Vagrant::Errors::{name}", reason)], LOG)


@pytest.mark.parametrize(("reason", "message", "kind"), VBOXMANAGE)
def test_what_vboxmanage_says_is_explained(reason: str, message: str, kind: type[LabError]) -> None:
    error = failed("VBoxManageError", reason)
    assert message in error.message
    assert type(error) is kind
    assert error.cause == reason
    assert error.hint


def from_vagrant(command: list[str], said: str) -> str:
    """The text of a VBoxManageError, as Vagrant 2.3.4 to 2.4.9 print it."""
    return (
        "There was an error while executing `VBoxManage`, a CLI used by Vagrant\nfor controlling "
        "VirtualBox. The command and stderr is shown below.\n\n"
        f"Command: {json.dumps(command)}\n\nStderr: {said}\n"
    )


@pytest.mark.parametrize("shape", ["bare", "broken", "coloured", "crlf"])
@pytest.mark.parametrize(("reason", "message", "kind"), VBOXMANAGE)
def test_the_shape_of_the_text_does_not_matter(
    reason: str, message: str, kind: type[LabError], shape: str
) -> None:
    said = {
        "bare": reason,
        # A narrow console breaks lines between words.
        "broken": reason.replace(" ", "\n"),
        "coloured": f"\x1b[31m{reason.replace('error', chr(27) + '[1;31merror' + chr(27) + '[0m')}",
        "crlf": reason.replace("\n", "\r\n"),
    }[shape]
    error = failed("VBoxManageError", from_vagrant(["startvm", "6f2a", "--type", "headless"], said))
    assert message in error.message
    assert type(error) is kind
    assert "\x1b" not in error.cause


def test_the_arguments_of_the_command_do_not_explain_its_error() -> None:
    """On a Mac, `modifyvm` names a host-only network; the machine is locked."""
    command = ["modifyvm", "6f2a", "--nic2", "hostonlynet", "--host-only-net2=vagrantnet-vbox1"]
    locked = "VBoxManage: error: The machine 'host1' is already locked for a session (or being "
    error = failed("VBoxManageError", from_vagrant(command, locked + "unlocked)"))
    assert isinstance(error, Locked)


def test_a_command_about_networks_explains_an_error_that_says_nothing() -> None:
    error = failed("VBoxManageError", from_vagrant(["dhcpserver", "add"], "VBoxManage: error: no"))
    assert "network cannot be created" in error.message


# What Vagrant says without a class: with `vagrant ssh`, and before it has read its settings.
WITHOUT_CLASS: list[tuple[str, str]] = [
    ("SSH authentication failed! This is typically caused by the\npublic/private keypair", "key"),
    (
        "An action 'up' was attempted on the machine 'host1',\nbut another process is already "
        "executing an action on the machine.",
        "another Vagrant process",
    ),
    (
        "Vagrant failed to initialize at a very early stage:\n\nThe home directory you specified "
        "is not accessible. The home\ndirectory that Vagrant uses must be both readable",
        "one of its folders",
    ),
    (
        "Vagrant failed to initialize at a very early stage:\n\nThe plugins failed to initialize "
        "correctly. This may be due to manual\nmodifications",
        "a plugin",
    ),
    (
        "/home/taro/.vagrant.d/gems/3.3.8/gems/vagrant-vbguest-0.21.0/lib/a.rb:1:in `call': "
        "undefined method `exists?' for File:Class (NoMethodError)",
        "a plugin",
    ),
    (
        "C:/HashiCorp/Vagrant/embedded/gems/2.2.7/gems/vagrant-2.2.7/lib/vagrant/environment.rb:193"
        ":in `encode': U+017D to IBM437 in conversion from Windows-1252 to UTF-8 to IBM437 "
        "(Encoding::UndefinedConversionError)",
        "characters",
    ),
    (
        "C:/HashiCorp/Vagrant/embedded/gems/gems/vagrant-2.4.9/plugins/providers/virtualbox/driver/"
        "base.rb:408:in 'block in execute': invalid byte sequence in UTF-8 (ArgumentError)",
        "characters",
    ),
    (
        "/usr/share/ruby/a.rb:7:in `initialize': Permission denied @ rb_sysopen - /root/.vagrant.d "
        "(Errno::EACCES)\n\tfrom /usr/bin/vagrant:1:in `<main>'",
        "one of its folders",
    ),
    (
        "C:/a/socket.rb:5:in `bind': Only one usage of each socket address is normally permitted. "
        '- bind(2) for "127.0.0.1" port 20040 (Errno::EADDRINUSE)',
        "port that the lab needs",
    ),
    # Windows has reserved the port.
    ("/a/socket.rb:5:in `bind': Permission denied - bind(2) for 127.0.0.1:20040", "port that"),
    (
        "C:/a/io.rb:3:in `read': An existing connection was forcibly closed by the remote host. "
        "(Errno::ECONNRESET)",
        "did not boot in time",
    ),
    ("/a/b.rb:3:in `parse': unexpected end of input (JSON::ParserError)", "data files is damaged"),
    (
        "C:/a/json/common.rb:156:in `initialize': negative string size (ArgumentError)\n"
        "\tfrom C:/a/lib/vagrant/machine_index.rb:293:in `unlocked_reload'",
        "data files is damaged",
    ),
    (
        "/a/b.rb:44:in `initialize': all arguments must be String: ['VBoxManage', nil] "
        "(ArgumentError)",
        "does not fit this VirtualBox",
    ),
    (
        "E: Release file for http://archive.ubuntu.com/ubuntu/dists/noble-updates/InRelease is not "
        "valid yet (invalid for another 3h 2min 1s). Updates for this repository will not be "
        "applied.\n",
        "clock of a machine",
    ),
    (
        "W: Failed to fetch http://archive.ubuntu.com/ubuntu/dists/noble/InRelease  Temporary "
        "failure resolving 'archive.ubuntu.com'\nE: Unable to locate package nftables\n",
        "cannot download packages",
    ),
    ("/a/b.rb:1:in `flock': No locks available @ rb_file_flock (Errno::ENOLCK)", "its folders"),
    (
        "Call to virNetworkCreate failed: internal error: Network is already in use by interface "
        "virbr1",
        "cannot use libvirt",
    ),
    (
        "Call to virDomainCreateWithFlags failed: Cannot access storage file '/a.img' (as uid:1): "
        "Permission denied",
        "cannot use libvirt",
    ),
]


@pytest.mark.parametrize(("said", "message"), WITHOUT_CLASS)
def test_an_error_without_a_class_is_known_by_its_text(said: str, message: str) -> None:
    error = failure(["ssh", "host1"], Completed(("vagrant", "ssh"), 255, "", said), [], LOG)
    assert message in error.message
    assert error.hint


def test_an_error_of_machines_that_boot_in_parallel_is_known_by_its_text() -> None:
    said = (
        "An error occurred while executing multiple actions in parallel.\nAny errors that occurred "
        "are shown below.\n\nAn error occurred while executing the action on the 'host1'\nmachine. "
        "Please handle this error then try again:\n\n"
    )
    error = failed("BatchMultiError", f"{said}No IP address found.")
    assert isinstance(error, NoBoot)
    assert type(failed("BatchMultiError", f"{said}Who knows.")) is CommandFailed


def test_a_traceback_between_vagrants_rows_names_its_exception() -> None:
    output = (
        "17,host1,ui,info,Booting VM...\n/opt/vagrant/a.rb:1:in `b': no such thing (SomeError)\n"
        "\tfrom /opt/vagrant/c.rb:1:in `d'\n\tfrom e\n\tfrom f\n"
    )
    error = failure(["up"], Completed(("vagrant", "up"), 1, output, ""), [], LOG)
    assert error.cause == "exit 1\nno such thing (SomeError)"


@pytest.mark.parametrize(("name", "kind"), CLASSES)
def test_vagrants_errors_are_explained(name: str, kind: type[LabError]) -> None:
    error = failed(name, "the reason")
    assert type(error) is kind
    assert error.cause == "the reason"
    assert error.hint


@pytest.mark.parametrize(("said", "message"), DOWNLOADS)
@pytest.mark.parametrize(
    ("name", "before"), [("DownloaderError", _DOWNLOAD), ("BoxAddShortNotFound", _CATALOG)]
)
def test_why_a_box_cannot_be_downloaded(name: str, before: str, said: str, message: str) -> None:
    error = failed(name, before + said)
    assert message in error.message
    assert error.hint.text
    assert isinstance(error, MachineLacks)


def test_a_traceback_about_letters_names_the_folder_as_the_reason() -> None:
    said = (
        "/opt/vagrant/embedded/gems/gems/vagrant-2.4.3/lib/vagrant/util/subprocess.rb:155:in "
        "`encode': incompatible character encodings: UTF-8 and Windows-31J "
        "(Encoding::CompatibilityError)\n"
    )
    error = failure(["up"], Completed(("vagrant", "up"), 1, "", said), [], LOG)
    assert "characters" in error.message
    assert error.cause.startswith("incompatible character encodings: UTF-8 and Windows-31J")
    assert isinstance(error, MachineLacks)


def test_any_other_error_is_shown_with_the_place_of_the_whole_output() -> None:
    error = failed("SomethingNew", "who knows")
    assert isinstance(error, CommandFailed)
    assert "who knows" in error.cause
    assert str(LOG) in error.hint.text
    assert error.hint.commands == (("labctl", "doctor"), ("labctl", "destroy"), ("labctl", "up"))


def test_no_class_has_two_meanings() -> None:
    names = [name for meaning in MEANINGS for name in meaning.classes]
    assert len(names) == len(set(names))
