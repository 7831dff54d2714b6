"""What Vagrant's errors mean here: its error classes as LabErrors with what to do next.

Vagrant names its errors (lib/vagrant/errors.rb); VBoxManage's own errors come as one class, and its
text decides. An error that no entry knows keeps Vagrant's text and gets a general hint.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState
from labctl.hint import Hint, commands
from labctl.i18n import N_, _
from labctl.quote import shell_line
from labctl.run import Completed


class PortTaken(WrongState):
    """A port that a machine's SSH is forwarded from is in use on this machine."""


class NoBoot(MachineLacks):
    """A machine runs, and Vagrant gave up waiting for its SSH."""


class Locked(WrongState):
    """Another Vagrant, or VirtualBox itself, holds a machine."""


@dataclass(frozen=True)
class Meaning:
    """One kind of failure.

    `classes` are Vagrant's error classes, `text` matches the reason of any class. `advice` is a
    sentence for the hint, `lines` are its commands.
    """

    message: str
    error: type[LabError]
    classes: frozenset[str] = frozenset()
    text: str = ""
    advice: str = ""
    lines: tuple[str, ...] = ()

    def fits(self, kind: str, reason: str) -> bool:
        return kind in self.classes or bool(self.text and re.search(self.text, reason))

    def failed(self, reason: str) -> LabError:
        hint = commands(*self.lines, text=_(self.advice) if self.advice else "")
        return self.error(_(self.message), cause=reason, hint=hint)


_EXCEPTION = re.compile(r"\((\w+::)*\w+(Error|Exception)\)$|failed: internal error: ")


def _classes(names: str) -> frozenset[str]:
    return frozenset(names.split())


_ANEW = ("labctl destroy", "labctl up")
_DOCTOR = ("labctl doctor",)

# The first that fits decides: the texts of VBoxManage first, then Vagrant's classes.
MEANINGS: tuple[Meaning, ...] = (
    Meaning(
        N_("QEMU cannot start a machine"),
        NoBoot,
        text="closed the monitor|connecting to monitor|failed to set MSR|ioctl\\(KVM_",
        advice=N_("is virtualization on, and may this user use /dev/kvm?"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("another hypervisor on this machine holds the processor's virtualization"),
        MachineLacks,
        classes=_classes("HypervVirtualBoxError"),
        text="VERR_VMX_IN_VMX_ROOT_MODE|VERR_SVM_IN_USE|VERR_NEM_|being used by another hypervisor",
        advice=N_("the doctor tells which one and how to switch it off"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("the processor's virtualization is switched off"),
        MachineLacks,
        text="VERR_VMX_NO_VMX|VERR_VMX_MSR_ALL_VMX_DISABLED|VERR_SVM_NO_SVM|VERR_SVM_DISABLED"
        "|VERR_VMX_MSR_VMX_DISABLED|VERR_VMX_MSR_LOCKED_OR_DISABLED",
        lines=_DOCTOR,
    ),
    Meaning(
        N_("VirtualBox's kernel modules cannot be used"),
        MachineLacks,
        text="VERR_VM_DRIVER_|rc=-190[0-9]|VERR_SUPDRV_|/dev/vboxdrv|VERR_SUPLIB_",
        lines=_DOCTOR,
    ),
    Meaning(
        N_("a folder of a machine that is gone is in the way"),
        WrongState,
        text="VERR_ALREADY_EXISTS",
        advice=N_("destroy removes it"),
        lines=_ANEW,
    ),
    Meaning(
        N_("this machine's disk is full"),
        MachineLacks,
        classes=_classes("PluginInstallSpace"),
        text="VERR_DISK_FULL|No space left on device|ENOSPC|not enough free space",
        advice=N_("free some space, then type the same command again"),
    ),
    Meaning(
        N_("this machine has too little free memory"),
        MachineLacks,
        text="VERR_NO_MEMORY|VERR_OUT_OF_RESOURCES|E_OUTOFMEMORY|Cannot allocate memory",
        advice=N_("close programs, or set memory in labctl.toml, then type the same command again"),
    ),
    Meaning(
        N_("the machines' network cannot be made"),
        MachineLacks,
        classes=_classes(
            "NetworkCollision VirtualBoxInvalidHostSubnet NetworkNotFound NetworkAddressInvalid"
            " NetworkDHCPAlreadyAttached NetworkTypeNotSupported"
            " VirtualBoxNoRoomForHighLevelNetwork"
        ),
        text="(?i)host-only (adapter|interface|network)|hostonly(if|net)|NetCfgInstanceId"
        "|VBoxNetAdpCtl|VBoxNetFlt|Host Interface Networking|VERR_INTNET_|VERR_SUPLIB_WORLD",
        advice=N_("the doctor tells what is in the way of the lab's range"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("VirtualBox holds a machine for something else"),
        Locked,
        text="already locked (for|by) a session|VBOX_E_INVALID_OBJECT_STATE|while it is locked",
        advice=N_("close the machine in VirtualBox's window and wait a moment, then try again"),
    ),
    Meaning(
        N_("VirtualBox cannot read a machine of the lab"),
        WrongState,
        classes=_classes("VMInaccessible VirtualBoxConfigNotFound"),
        text="E_ACCESSDENIED|VERR_FILE_NOT_FOUND|VERR_PATH_NOT_FOUND|VBOX_E_FILE_ERROR",
        lines=_ANEW,
    ),
    Meaning(
        N_("a folder has letters that this Vagrant cannot work with"),
        MachineLacks,
        text="Encoding::|incompatible (character )?encoding|invalid byte sequence"
        "|incompatible character encodings",
        advice=N_("the doctor tells which folder and how to use another"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("VirtualBox cannot be used by Vagrant"),
        MachineLacks,
        classes=_classes(
            "ProviderNotUsable NoDefaultProvider VirtualBoxNotDetected VirtualBoxInvalidVersion"
            " VirtualBoxKernelModuleNotLoaded VirtualBoxInstallIncomplete VirtualBoxVersionEmpty"
            " VBoxManageNotFoundError VBoxManageLaunchError VirtualBoxBrokenVersion040214"
            " VirtualBoxMachineFolderNotFound ProviderNotFound ProviderNotFoundSuggestion"
            " ProviderCantInstall ProviderInstallFailed ProviderChecksumMismatch"
        ),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("Vagrant in WSL cannot use VirtualBox on Windows"),
        MachineLacks,
        classes=_classes(
            "WSLVirtualBoxWindowsAccessError WSLVagrantVersionMismatch WSLVagrantAccessError"
            " WSLRootFsNotFoundError"
        ),
        advice=N_("install labctl with Windows' own Python and type the command in PowerShell"),
    ),
    Meaning(
        N_("the box has no build for this processor"),
        MachineLacks,
        classes=_classes(
            "BoxNotFoundWithProviderArchitecture BoxAddNoMatchingArchitecture"
            " BoxAddNoArchitectureSupport BoxAddNoMatchingProviderVersion"
        ),
        advice=N_("use Vagrant 2.4 or newer of the processor's own kind; the doctor tells more"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("the machines' box was damaged on its way"),
        MachineLacks,
        classes=_classes(
            "BoxChecksumMismatch DownloaderChecksumError BoxUnpackageFailure BoxVerificationFailed"
            " BoxMetadataCorrupted BoxMetadataMalformed VMImportFailure"
        ),
        advice=N_("type the same command again: it downloads the box again"),
    ),
    Meaning(
        N_("the machines' box is not on this machine and could not be downloaded"),
        MachineLacks,
        classes=_classes(
            "BoxAddShortNotFound BoxAddNoMatchingProvider BoxAddNoMatchingVersion BoxFileNotExist"
            " BoxMetadataDownloadError BoxMetadataFileNotFound BoxNotFound BoxNotFoundWithProvider"
            " BoxNotFoundWithProviderAndVersion BoxServerNotSet DownloaderError"
            " DownloaderInterrupted BoxProviderDoesntMatch BoxVersionInvalid BoxAddNameMismatch"
            " BoxMetadataMalformedVersion BoxMetadataMissingRequiredFields BoxAddDirectVersion"
        ),
        advice=N_("go online for the first labctl up, or add the box: vagrant box add"),
    ),
    Meaning(
        N_("a port of this machine that the lab needs is in use"),
        PortTaken,
        classes=_classes(
            "ForwardPortCollision ForwardPortAutolistEmpty ForwardPortHostIPNotFound"
            " ForwardPortAdapterNotFound"
        ),
        advice=N_("end the program that uses the port, or give the lab another name"),
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
        advice=N_("is virtualization on? on a slow computer, set LABCTL_BOOT_TIMEOUT=1800"),
        lines=("labctl doctor", "labctl up"),
    ),
    Meaning(
        N_("a machine stopped while it booted"),
        NoBoot,
        classes=_classes("VMBootBadState VMPowerOffToPackage"),
        advice=N_("VirtualBox's window shows what the machine said last"),
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
        N_("the OpenSSH client cannot be used"),
        MachineLacks,
        classes=_classes("SSHUnavailable SSHUnavailableWindows SSHIsPuttyLink"),
        advice=N_("install the OpenSSH client and see that it comes first in PATH"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("the lab's machines belong to another user of this machine"),
        WrongState,
        classes=_classes("VirtualBoxUserMismatch"),
        advice=N_("type the command as the user who made the lab, without sudo"),
    ),
    Meaning(
        N_("a machine of the lab is not as labctl left it"),
        WrongState,
        classes=_classes(
            "VMNotCreatedError VMNotRunningError VirtualBoxNameExists VMNameExists VMNotFoundError"
            " VMNoMatchError MachineNotFound MachineStateInvalid VirtualBoxNoName VMCloneFailure"
            " VMCreateMasterFailure CloneNotFound CloneMachineNotFound VMCustomizationFailed"
            " ActiveMachineWithDifferentProvider CorruptMachineIndex CantReadMACAddresses"
            " DomainNameExists NoDomainError DomainVolumeExists VMBaseMacNotSpecified"
            " SSHInvalidShell"
            " UnimplementedProviderAction DestroyRequiresForce"
        ),
        lines=_ANEW,
    ),
    Meaning(
        N_("libvirt cannot be used by Vagrant"),
        MachineLacks,
        classes=_classes(
            "FogLibvirtConnectionError NoStoragePool CreatingStoragePoolError FogError"
            " ManagementNetworkError ManagementNetworkRequired NetworkNotAvailableError"
            " CreateNetworkError ActivateNetworkError AutostartNetworkError DHCPMismatch"
            " NetworkNameAndAddressMismatch"
        ),
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
        N_("another Vagrant works on the lab"),
        Locked,
        classes=_classes(
            "MachineLocked MachineActionLockedError EnvironmentLockedError VagrantLocked"
            " DownloadAlreadyInProgress VagrantInterrupt"
        ),
        advice=N_("wait for it to end, or end the program ruby that is left of it; then try again"),
    ),
    Meaning(
        N_("Vagrant cannot use one of its folders"),
        MachineLacks,
        classes=_classes(
            "HomeDirectoryNotAccessible HomeDirectoryLaterVersion HomeDirectoryUnknownVersion"
            " LocalDataDirectoryNotAccessible MachineFolderNotAccessible DotfileUpgradeJSONError"
            " EnvironmentNonExistentCWD VagrantfileWriteError"
        ),
        advice=N_("sudo or another version may have made it: VAGRANT_HOME names another folder"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("a plugin of Vagrant is missing or broken"),
        MachineLacks,
        classes=_classes(
            "PluginLoadError PluginInitError PluginNotInstalled PluginStateFileParseError"
            " PluginGemNotFound PluginInstallFailed PluginInstallVersionConflict PluginNoLocalError"
            " PluginMissingLocalError PluginSourceError PluginMissingLibrary PluginMissingRubyDev"
            " PluginNeedsDeveloperTools BundlerError BundlerDisabled SourceSpecNotFound"
        ),
        lines=("vagrant plugin repair", "labctl up"),
    ),
    Meaning(
        N_("PowerShell cannot be used by Vagrant"),
        MachineLacks,
        classes=_classes("PowerShellNotFound PowerShellInvalidVersion PowerShellError"),
        lines=_DOCTOR,
    ),
    Meaning(
        N_("the host's system did not take its network settings"),
        WrongState,
        classes=_classes(
            "NetworkManagerNotInstalled NetplanNoAvailableRenderers GuestNotDetected"
            " GuestCapabilityInvalid GuestCapabilityNotFound GuestExplicitNotDetected"
        ),
        lines=_ANEW,
    ),
    Meaning(
        N_("this Vagrant cannot read the lab's Vagrantfile"),
        MachineLacks,
        classes=_classes(
            "VagrantVersionBad VagrantfileLoadError VagrantfileSyntaxError VagrantfileNameError"
            " ConfigInvalid ConfigUpgradeErrors"
        ),
        lines=_DOCTOR,
    ),
)


def failure(
    words: Sequence[str], done: Completed, errors: Sequence[tuple[str, ...]], log: Path
) -> LabError:
    """The error for a Vagrant command that failed.

    Args:
        words: The command without the program's name.
        done: How it ended.
        errors: The fields of its `error-exit` lines: class name, then text.
        log: The file that has the whole output.
    """
    kind, reason = _first(errors) if errors else ("", (done.stdout + done.stderr).strip())
    for meaning in MEANINGS:
        if meaning.fits(kind, reason):
            return meaning.failed(reason if errors else _end(reason))
    hint = Hint(
        _("the whole output is in {log}; if it fails again, make the lab anew", log=log),
        (("labctl", "destroy"), ("labctl", "up")),
    )
    said = f"{kind}: {reason}" if kind else _end(reason, keep=8)
    return CommandFailed(shell_line(["vagrant", *words]), done.returncode, said, hint=hint)


def _first(errors: Sequence[tuple[str, ...]]) -> tuple[str, str]:
    name, *text = errors[0]
    return name.rpartition("::")[2], "\n".join(text).strip()


def _end(output: str, keep: int = 3) -> str:
    """What went wrong, from an output without an error of Vagrant.

    That is the line of a traceback of Ruby that names the exception, else the last lines.
    """
    lines = output.splitlines()
    named = [line.partition("': ")[2] or line for line in lines if _EXCEPTION.search(line)]
    return named[0] if named else "\n".join(lines[-keep:])
