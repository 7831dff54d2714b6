"""What Vagrant's errors mean for the user: a table of messages, error types and hints.

Vagrant's error classes (lib/vagrant/errors.rb) identify most errors. VBoxManage's errors all have
the class VBoxManageError, so their text identifies them, if possible by a code: since VirtualBox 7
the words are in the language of the system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from labctl.errors import LabError, MachineLacks, WrongState
from labctl.hint import commands
from labctl.i18n import N_, _


class PortTaken(WrongState):
    """The forwarded port of a machine is in use on this machine."""


class NoBoot(MachineLacks):
    """A machine runs, but did not answer over SSH in time."""


class Locked(WrongState):
    """Another Vagrant process or VirtualBox has locked a machine."""


@dataclass(frozen=True)
class Meaning:
    """One kind of failure.

    An error matches if its class is in `classes` or its text matches the regular expression `text`.
    `advice` is the text of the hint, `lines` are the commands of the hint.
    """

    message: str
    error: type[LabError]
    classes: frozenset[str] = frozenset()
    text: str = ""
    advice: str = ""
    lines: tuple[str, ...] = ()

    def matches(self, kind: str, reason: str) -> bool:
        return kind in self.classes or bool(self.text and re.search(self.text, reason))

    def error_for(self, reason: str) -> LabError:
        hint = commands(*self.lines, text=_(self.advice) if self.advice else "")
        return self.error(_(self.message), cause=reason, hint=hint)


def _classes(names: str) -> frozenset[str]:
    return frozenset(names.split())


_ANEW = ("labctl destroy", "labctl up")
_DOCTOR = ("labctl doctor",)

# The first match is used. Entries with texts of VBoxManage come before entries with only classes.
MEANINGS: tuple[Meaning, ...] = (
    Meaning(
        N_("QEMU cannot start a machine"),
        NoBoot,
        text="closed the monitor|connecting to monitor|failed to set MSR|ioctl\\(KVM_"
        "|KVM kernel module|domaintype=kvm|type=kvm|requires KVM",
        advice=N_("check that virtualization is on and that this user may use /dev/kvm"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("macOS does not let VirtualBox run a machine"),
        MachineLacks,
        text="hv_v(m|cpu)_create",
        advice=N_(
            "close other programs that run machines, such as Docker, Parallels and UTM; if that"
            " does not help, restart this machine and install VirtualBox again"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("another hypervisor on this machine holds the processor's virtualization"),
        MachineLacks,
        classes=_classes("HypervVirtualBoxError"),
        # VERR_NEM_NOT_AVAILABLE only says that no hypervisor of Windows runs.
        text="VERR_VMX_IN_VMX_ROOT_MODE|VERR_SVM_IN_USE|VERR_NEM_(?!NOT_AVAILABLE)"
        "|being used by another hypervisor|courtesy of Hyper-V|NO_RAW_MODE_HYPER_V"
        "|VERR_VMX_VMXON_FAILED"
        # Hyper-V runs, without the feature "Windows Hypervisor Platform".
        "|native API dll was not found",
        advice=N_("the doctor names it and shows how to switch it off"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("Linux's KVM is needed, but does not hold the processor's virtualization"),
        MachineLacks,
        # From VirtualBox 7.2.10 on (https://github.com/VirtualBox/virtualbox/issues/711).
        text="VERR_(SVM|VMX)_HOST_\\w+_NOT_ENABLED",
        advice=N_("the doctor shows how to give it back to KVM"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("the processor's virtualization is switched off"),
        MachineLacks,
        text="VERR_VMX_NO_VMX|VERR_VMX_MSR_[A-Z_]*DISABLED|VERR_SVM_NO_SVM|VERR_SVM_DISABLED"
        "|VERR_UNSUPPORTED_CPU|VERR_HM_",
        lines=_DOCTOR,
    ),
    Meaning(
        N_("VirtualBox's own files are damaged or another program blocks them"),
        MachineLacks,
        text="Unable to load R3 module|VERR_SUPLIB_|VERR_SUP_VP_|VERR_SUPDRV_HARDENING|VERR_LDR"
        "|supR3Hardened|contains a virus",
        advice=N_("install VirtualBox again, and let antivirus programs leave it alone"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("VirtualBox cannot use its kernel modules"),
        MachineLacks,
        classes=_classes("VirtualBoxKernelModuleNotLoaded VirtualBoxInstallIncomplete"),
        text="VERR_VM_DRIVER_|rc=-19[01][0-9]|VERR_SUPDRV_|/dev/vbox(drv|netctl)|VBoxDrvStub"
        "|VERR_\\w*VERSION_MISMATCH"
        "|VERR_SYMBOL_NOT_FOUND|kernel (driver is either not loaded|modules do not match)"
        "|kernel modules? (is|are) not loaded",
        advice=N_(
            "on Linux the doctor shows how to load them; elsewhere install VirtualBox again, allow"
            " its system software on macOS, and restart this machine"
        ),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("a port that the lab needs is in use"),
        PortTaken,
        classes=_classes(
            "ForwardPortCollision ForwardPortAutolistEmpty ForwardPortHostIPNotFound"
            " ForwardPortAdapterNotFound"
        ),
        # VirtualBox's own words, for a port that nothing listens on and Windows has reserved.
        text="VERR_NAT_REDIR_SETUP|failed to set up redirection|VERR_NET_ADDRESS_IN_USE"
        r"|bind\(2\) for|Errno::EADDRINUSE",
        advice=N_("stop the program that uses the port, or use another name for the lab"),
        lines=("labctl up",),
    ),
    Meaning(
        N_("the folder of a deleted machine still exists"),
        WrongState,
        text=r"VERR_ALREADY_EXISTS|settings file .* already exists|\.vbox'? already exists",
        advice=N_("destroy removes it"),
        lines=_ANEW,
    ),
    Meaning(
        N_("VirtualBox still lists a disk of a deleted machine"),
        WrongState,
        text=r"Cannot register the (hard disk|DVD image)|of the medium .* does not match",
        advice=N_("remove it in VirtualBox's window, in the list of media, then rebuild the lab"),
        lines=_ANEW,
    ),
    Meaning(
        N_("this machine's disk is full"),
        MachineLacks,
        classes=_classes("PluginInstallSpace"),
        text="VERR_DISK_FULL|VERR_FILE_TOO_BIG|No space left on device|ENOSPC"
        # What curl and bsdtar say while Vagrant downloads and unpacks a box.
        "|not enough (free )?space|Fail(ed|ure) writing (body|output)|Write (failed|error)",
        advice=N_("free some disk space, then run the same command again"),
    ),
    Meaning(
        N_("a disk of this machine cannot be read or written"),
        MachineLacks,
        text="VERR_DEV_IO_ERROR|VERR_(READ|WRITE|SEEK)_ERROR|Input/output error|Errno::EIO",
        advice=N_("check that an external disk is still connected, and that the disk is sound"),
        lines=("labctl up",),
    ),
    Meaning(
        N_("this machine has too little free memory"),
        MachineLacks,
        text=r"VERR_\w*NO_\w*MEMORY|NoMemoryError|VERR_GMM_HIT|VERR_OUT_OF_RESOURCES|E_OUTOFMEMORY"
        # Windows' paging file is too small.
        "|Cannot allocate memory|0x800705AF|paging file is too small",
        advice=N_(
            "close programs, or reduce memory in labctl.toml, then run the same command again"
        ),
    ),
    Meaning(
        N_("the machines' network cannot be created"),
        MachineLacks,
        classes=_classes(
            "NetworkCollision VirtualBoxInvalidHostSubnet NetworkNotFound NetworkAddressInvalid"
            " NetworkDHCPAlreadyAttached NetworkTypeNotSupported"
            " VirtualBoxNoRoomForHighLevelNetwork"
        ),
        text="(?i)host-only (adapter|interface|network)|hostonly(if|net)|NetCfgInstanceId"
        "|host network(ing)? interface|dhcp server"
        "|EnableStaticIPConfig|VBoxManageHostonly|dhcpserver: "
        "|VBoxNetAdpCtl|VBoxNetFlt|Host Interface Networking|VERR_INTNET_|VERR_SUPLIB_WORLD"
        "|vmnet_start_interface|attach the network LUN",
        advice=N_("the doctor shows what blocks the lab's address range"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("VirtualBox has locked a machine"),
        Locked,
        text="already locked (for|by) a session|VBOX_E_INVALID_(OBJECT|VM|SESSION)_STATE"
        "|while it is locked|VBOX_E_OBJECT_IN_USE|VERR_SHARING_VIOLATION"
        "|VERR_\\w*LOCK(ED|_FAILED|_VIOLATION)",
        advice=N_(
            "close the machine in VirtualBox's window, wait a few seconds, then run the same "
            "command again"
        ),
    ),
    Meaning(
        N_("Vagrant cannot use VirtualBox"),
        MachineLacks,
        classes=_classes(
            "ProviderNotUsable NoDefaultProvider VirtualBoxNotDetected VirtualBoxInvalidVersion"
            " VirtualBoxVersionEmpty"
            " VBoxManageNotFoundError VBoxManageLaunchError VirtualBoxBrokenVersion040214"
            " VirtualBoxMachineFolderNotFound ProviderNotFound ProviderNotFoundSuggestion"
            " ProviderCantInstall ProviderInstallFailed ProviderChecksumMismatch"
        ),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("a settings file of VirtualBox is damaged"),
        WrongState,
        text=r"Document is empty|\.(xml|vbox(-prev)?)', line \d+",
        advice=N_(
            "close every program of VirtualBox; beside the file is its older version, with -prev at"
            " the end of the name: put that in its place"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("VirtualBox's service does not answer"),
        MachineLacks,
        text="Failed to (create|initialize) (the VirtualBox object|COM)|CO_E_SERVER_EXEC_FAILURE"
        "|REGDB_E_CLASSNOTREG|E_NOINTERFACE|RPC_[ES]_|0x8007(06BA|06ba|06BE|06be)"
        "|NS_ERROR_(SOCKET_FAIL|CALL_FAILED|FACTORY_NOT_REGISTERED|ABORT)|VERR_COM_",
        advice=N_(
            "close every program of VirtualBox or restart this machine, then run the same command "
            "again; if that does not help, install VirtualBox again"
        ),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("the box needs something that this VirtualBox does not have"),
        MachineLacks,
        text="Extension Pack|RawFile#0",
        advice=N_("take box and version out of labctl.toml, so that the edition's box is used"),
        lines=_ANEW,
    ),
    Meaning(
        N_("VirtualBox cannot read a machine of the lab"),
        WrongState,
        classes=_classes("VMInaccessible VirtualBoxConfigNotFound"),
        text="Medium '.*' is not accessible|E_ACCESSDENIED|VERR_FILE_NOT_FOUND|VERR_PATH_NOT_FOUND"
        "|VBOX_E_FILE_ERROR|VERR_VD_|VBOX_E_XML_ERROR|VERR_SSM_|Runtime error opening"
        "|storage format of the medium",
        lines=_ANEW,
    ),
    Meaning(
        N_("a machine was switched off meanwhile"),
        WrongState,
        text="is not currently running",
        lines=("labctl up",),
    ),
    Meaning(
        N_("VirtualBox ended a machine because of an error of its own"),
        MachineLacks,
        text="VERR_(VMM|VM|PGM|IEM|EM|TRPM|IOM|PDM|GVMM?|APIC|CPUM|GIM|TM|HGCM|INTERNAL)_",
        advice=N_("restart this machine; if that does not help, install the newest VirtualBox"),
        lines=("labctl doctor", "labctl up"),
    ),
    Meaning(
        N_("a name has characters that Vagrant cannot process"),
        MachineLacks,
        text="Encoding::|incompatible (character )?encoding|invalid byte sequence"
        "|code converter not found|in conversion from|invalid multibyte|broken (UTF-8|Windows-)",
        advice=N_("the doctor shows whether it is a folder or a machine of VirtualBox"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("Vagrant in WSL cannot use VirtualBox on Windows"),
        MachineLacks,
        classes=_classes(
            "WSLVirtualBoxWindowsAccessError WSLVagrantVersionMismatch WSLVagrantAccessError"
            " WSLRootFsNotFoundError"
        ),
        advice=N_("install labctl with Python for Windows and run it in PowerShell"),
    ),
    Meaning(
        N_("the box has no build for this processor"),
        MachineLacks,
        classes=_classes(
            "BoxNotFoundWithProviderArchitecture BoxAddNoMatchingArchitecture"
            " BoxAddNoArchitectureSupport BoxAddNoMatchingProviderVersion"
        ),
        text="VBOX_E_PLATFORM_ARCH_NOT_SUPPORTED|platform architecture \\w+ is not supported",
        advice=N_(
            "set box and version in labctl.toml to a box that has one; a box that was added from a "
            'file has version = "0" and needs --architecture'
        ),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("Windows cannot find out whether the certificate of a server was revoked"),
        MachineLacks,
        text="CRYPT_E_(NO_REVOCATION_CHECK|REVOCATION_OFFLINE)",
        advice=N_(
            "a proxy or an antivirus program may prevent it: use another network, or copy the"
            " folder boxes in .vagrant.d from a computer that has the box"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("the certificate of a server is not accepted"),
        MachineLacks,
        text="SSL certificate|certificate verify|CRYPT_E_|SEC_E_|schannel: "
        "|(?i:self.signed certificate)",
        advice=N_(
            "check the date and time of this machine; if a proxy or an antivirus program reads"
            " HTTPS, set CURL_CA_BUNDLE to a file with its certificate"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("a proxy does not let Vagrant download"),
        MachineLacks,
        text="(?i:from proxy|resolve proxy|proxy connect|proxy auth|connect to proxy)"
        r"|returned error: 407\b",
        advice=N_(
            "set HTTPS_PROXY to the proxy of this network with its user name and password, or unset"
            " it if there is none"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("the server of the boxes allows no more downloads for now"),
        MachineLacks,
        text=r"returned error: 429\b",
        advice=N_(
            "wait some minutes, or copy the folder boxes in .vagrant.d from a computer that has the"
            " box"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("there is no such box or version"),
        MachineLacks,
        classes=_classes(
            "BoxAddNoMatchingVersion BoxAddNoMatchingProvider BoxProviderDoesntMatch"
            " BoxVersionInvalid BoxAddNameMismatch BoxMetadataMalformedVersion BoxAddDirectVersion"
        ),
        text=r"returned error: 4(03|04|10)\b",
        advice=N_("check box and version in labctl.toml; without them, the edition's box is used"),
        lines=("labctl up",),
    ),
    Meaning(
        N_("the downloaded box is damaged"),
        MachineLacks,
        classes=_classes(
            "BoxChecksumMismatch DownloaderChecksumError BoxUnpackageFailure BoxVerificationFailed"
            " BoxMetadataCorrupted BoxMetadataMalformed VMImportFailure BoxFormatMissingAttribute"
            " BoxFormatDuplicateVolume BadBoxImage NoBoxVirtualSizeSet NoBoxFormatSet"
            " WrongBoxFormatSet NoDiskVirtualSizeSet WrongDiskFormatSet"
        ),
        advice=N_("run the same command again to repeat the download"),
    ),
    Meaning(
        N_("the box is not on this machine and cannot be downloaded"),
        MachineLacks,
        classes=_classes(
            "BoxAddShortNotFound BoxFileNotExist"
            " BoxMetadataDownloadError BoxMetadataFileNotFound BoxNotFound BoxNotFoundWithProvider"
            " BoxNotFoundWithProviderAndVersion BoxServerNotSet DownloaderError"
            " DownloaderInterrupted BoxMetadataMissingRequiredFields"
        ),
        advice=N_(
            "connect to the internet for the first up, or copy the folder boxes in .vagrant.d from"
            " a computer that has the box"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("a machine did not boot in time"),
        NoBoot,
        classes=_classes(
            "VMBootTimeout NoIpAddressError SSHConnectionTimeout SSHDisconnected SSHHostDown"
            " SSHConnectionReset"
            " SSHConnectionRefused SSHConnectionAborted SSHNoRoute SSHNotReady MachineGuestNotReady"
            " NetSSHException SSHChannelOpenFail SSHNoExitStatus"
        ),
        text="Net::SSH::|Errno::E(CONN(RESET|ABORTED|REFUSED)|TIMEDOUT|HOSTUNREACH|PIPE)",
        advice=N_(
            "check that virtualization is on; on a slow computer, set LABCTL_BOOT_TIMEOUT=1800"
        ),
        lines=("labctl doctor", "labctl up"),
    ),
    Meaning(
        N_("Windows ended the program of a machine before it began"),
        NoBoot,
        text="VBoxHardening",
        advice=N_(
            "an antivirus program, or files of an older VirtualBox, may be the cause: the end of"
            " the file VBoxHardening.log says more; remove VirtualBox and install the newest one"
        ),
        lines=("labctl doctor", "labctl up"),
    ),
    Meaning(
        N_("a machine stopped during its boot"),
        NoBoot,
        classes=_classes("VMBootBadState VMPowerOffToPackage"),
        text="terminated unexpectedly during startup|VM session was (aborted|closed)",
        advice=N_("VirtualBox's window shows the machine's last messages"),
        lines=("labctl doctor", "labctl up"),
    ),
    Meaning(
        N_("a machine does not accept the lab's key"),
        WrongState,
        classes=_classes(
            "SSHAuthenticationFailed SSHKeyBadOwner SSHKeyBadPermissions SSHKeyTypeNotSupported"
            " SSHKeyTypeNotSupportedByServer SSHInsertKeyUnsupported SSHRunRequiresKeys"
            " CopyPrivateKeyFailed SSHConnectEACCES"
        ),
        lines=_ANEW,
    ),
    Meaning(
        N_("Vagrant cannot use the OpenSSH client"),
        MachineLacks,
        classes=_classes("SSHUnavailable SSHUnavailableWindows SSHIsPuttyLink"),
        advice=N_("install the OpenSSH client and put it first in PATH"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("the lab's machines belong to another user of this machine"),
        WrongState,
        classes=_classes("VirtualBoxUserMismatch"),
        advice=N_(
            "run the command as the user who made the lab, and with sudo only if it was used then"
        ),
    ),
    Meaning(
        N_("a machine of the lab was changed outside labctl"),
        WrongState,
        classes=_classes(
            "VMNotCreatedError VMNotRunningError VirtualBoxNameExists VMNameExists VMNotFoundError"
            " VMNoMatchError MachineNotFound MachineStateInvalid VirtualBoxNoName VMCloneFailure"
            " VMCreateMasterFailure CloneNotFound CloneMachineNotFound VMCustomizationFailed"
            " ActiveMachineWithDifferentProvider CantReadMACAddresses"
            " DomainNameExists NoDomainError DomainVolumeExists VMBaseMacNotSpecified"
            " SSHInvalidShell"
            " UnimplementedProviderAction DestroyRequiresForce NoDomainVolume"
        ),
        text="VBOX_E_OBJECT_NOT_FOUND",
        lines=_ANEW,
    ),
    Meaning(
        N_("Vagrant cannot use libvirt"),
        MachineLacks,
        classes=_classes(
            "FogLibvirtConnectionError NoStoragePool CreatingStoragePoolError FogError"
            " ManagementNetworkError ManagementNetworkRequired NetworkNotAvailableError"
            " CreateNetworkError ActivateNetworkError AutostartNetworkError DHCPMismatch"
            " NetworkNameAndAddressMismatch FogCreateVolumeError FogCreateDomainVolumeError"
            " FogCreateServerError DestroyNetworkError DomainStartError UpdateServerError"
            " AttachDeviceError DetachDeviceError ImageUploadError ImageDownloadError NoBoxVolume"
            " InterfaceSlotNotAvailable InterfaceSlotExhausted NoDiskDeviceAvailable"
        ),
        text=r"Call to vir\w+ failed|Libvirt::\w*Error",
        lines=_DOCTOR,
    ),
    Meaning(
        N_("a snapshot is missing"),
        WrongState,
        classes=_classes(
            "SnapshotNotFound SnapshotConflictFailed SnapshotNotSupported SnapshotMissing"
        ),
        lines=("labctl checkpoints",),
    ),
    Meaning(
        N_("a snapshot cannot be made, restored or removed"),
        WrongState,
        classes=_classes(
            "SnapshotCreationError SnapshotDeletionError SnapshotListError SnapshotReversionError"
        ),
        advice=N_("use another checkpoint, or rebuild the lab"),
        lines=("labctl checkpoints", *_ANEW),
    ),
    Meaning(
        N_("another Vagrant process is using the lab"),
        Locked,
        classes=_classes(
            "MachineLocked MachineActionLockedError EnvironmentLockedError VagrantLocked"
            " DownloadAlreadyInProgress VagrantInterrupt"
        ),
        advice=N_(
            "wait until it ends, or stop a leftover ruby process, then run the same command again"
        ),
    ),
    Meaning(
        N_("Vagrant cannot use one of its folders"),
        MachineLacks,
        classes=_classes(
            "HomeDirectoryNotAccessible HomeDirectoryLaterVersion HomeDirectoryUnknownVersion"
            " LocalDataDirectoryNotAccessible MachineFolderNotAccessible"
            " EnvironmentNonExistentCWD VagrantfileWriteError"
        ),
        text="VERR_ACCESS_DENIED|VERR_PERMISSION_DENIED|VERR_WRITE_PROTECT|EACCES|EROFS"
        "|Permission denied|Operation not permitted|Read-only file system"
        "|ENOLCK|ENAMETOOLONG|VERR_FILENAME_TOO_LONG",
        advice=N_(
            "sudo or another version may have created it, its path may be too long, or it is on a"
            " network drive; set VAGRANT_HOME to another folder"
        ),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("a file in which Vagrant keeps its data is damaged"),
        MachineLacks,
        classes=_classes("CorruptMachineIndex PluginStateFileParseError DotfileUpgradeJSONError"),
        text=r"JSON::ParserError|machine_index\.rb",
        advice=N_(
            "remove the file that the message or the log names, such as"
            " .vagrant.d/data/machine-index/index; Vagrant makes it again"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("Vagrant itself is damaged or does not fit this VirtualBox"),
        MachineLacks,
        text="incompatible library version|all arguments must be String",
        advice=N_("install the newest Vagrant again"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("a program that Vagrant needs is missing"),
        MachineLacks,
        classes=_classes("CommandUnavailable CommandUnavailableWindows"),
        advice=N_("install the program that the message names, or the newest Vagrant"),
        lines=("labctl up",),
    ),
    Meaning(
        N_("a plugin of Vagrant is missing or broken"),
        MachineLacks,
        classes=_classes(
            "PluginLoadError PluginInitError PluginNotInstalled"
            " PluginGemNotFound PluginInstallFailed PluginInstallVersionConflict PluginNoLocalError"
            " PluginMissingLocalError PluginSourceError PluginMissingLibrary PluginMissingRubyDev"
            " PluginNeedsDeveloperTools BundlerError BundlerDisabled SourceSpecNotFound"
        ),
        # File.exists? went with Ruby 3.2, and with it old plugins such as vagrant-vbguest.
        text="The plugins failed to (load|initialize)|cannot load such file|Gem::|Bundler::"
        "|Vagrant failed to properly resolve required dependencies|undefined method .exists\\?"
        r"|undefined method .*\.vagrant\.d[/\\]gems|\.vagrant\.d[/\\]gems.*undefined method",
        lines=("vagrant plugin repair", "labctl up"),
    ),
    Meaning(
        N_("Vagrant cannot use PowerShell"),
        MachineLacks,
        classes=_classes("PowerShellNotFound PowerShellInvalidVersion PowerShellError"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("Vagrant could not configure the network in a machine"),
        WrongState,
        classes=_classes(
            "NetworkManagerNotInstalled NetplanNoAvailableRenderers GuestNotDetected"
            " GuestCapabilityInvalid GuestCapabilityNotFound GuestExplicitNotDetected"
        ),
        lines=_ANEW,
    ),
    Meaning(
        N_("Vagrant asks a question, and nobody can answer it here"),
        MachineLacks,
        classes=_classes("UIExpectsTTY"),
        advice=N_(
            'with net = "bridge" in labctl.toml, bridge must be the name of a network card that is '
            "up; the doctor lists them"
        ),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("Vagrant cannot read a Vagrantfile"),
        MachineLacks,
        classes=_classes(
            "VagrantVersionBad VagrantfileLoadError VagrantfileSyntaxError VagrantfileNameError"
            " ConfigInvalid ConfigUpgradeErrors"
        ),
        advice=N_(
            "if it is not the lab's but the one in .vagrant.d, rename it: Vagrant reads it for"
            " every machine"
        ),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("Vagrant was told to do what the lab does not ask for, such as sharing a folder"),
        MachineLacks,
        classes=_classes(
            "VirtualBoxMountFailed VirtualBoxMountNotSupportedBSD LinuxMountFailed"
            " DarwinMountFailed NFSBadExports NFSDupePerms NFSExportsFailed NFSCantReadExports"
            " NFSMountFailed NFSNoGuestIP NFSNoHostIP NFSNoValidIds NFSNotSupported"
            " NFSClientNotInstalledInGuest RSyncError RSyncNotFound RSyncNotInstalledInGuest"
            " RSyncPostCommandError RSyncGuestInstallError SharedFolderCreateFailed"
            " SyncedFolderUnusable NoDefaultSyncedFolderImpl TriggersBadExitCodes"
            " TriggersGuestNotExist TriggersGuestNotRunning TriggersNoBlockGiven"
            " TriggersNoStageGiven CommunicatorNotFound WinRMInvalidCommunicator"
            " CloudInitNotFound CloudInitCommandFailed CreateIsoHostCapNotFound ISOBuildFailed"
            " VirtualBoxDisksDefinedExceedLimit VirtualBoxDisksControllerNotFound"
            " VirtualBoxDisksNoSupportedControllers VirtualBoxDisksPrimaryNotFound"
            " VirtualBoxDisksUnsupportedController"
        ),
        advice=N_(
            "rename the Vagrantfile in .vagrant.d, which Vagrant reads for every machine, then run"
            " the same command again"
        ),
        lines=_DOCTOR,
    ),
)
