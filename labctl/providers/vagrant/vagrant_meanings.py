"""What Vagrant's own errors mean, mostly by their class (lib/vagrant/errors.rb)."""

from __future__ import annotations

from labctl.errors import MachineLacks, WrongState
from labctl.i18n import N_
from labctl.providers.vagrant.meaning import ANEW, DOCTOR, Locked, Meaning, NoBoot, classes_of

VAGRANT: tuple[Meaning, ...] = (
    Meaning(
        N_("a name has characters that Vagrant cannot process"),
        MachineLacks,
        text="Encoding::|incompatible (character )?encoding|invalid byte sequence"
        "|code converter not found|in conversion from|invalid multibyte|broken (UTF-8|Windows-)",
        advice=N_("the doctor shows whether it is a folder or a machine of VirtualBox"),
        lines=DOCTOR,
    ),
    Meaning(
        N_("Vagrant in WSL cannot use VirtualBox on Windows"),
        MachineLacks,
        classes=classes_of(
            "WSLVirtualBoxWindowsAccessError WSLVagrantVersionMismatch WSLVagrantAccessError"
            " WSLRootFsNotFoundError"
        ),
        advice=N_("install labctl with Python for Windows and run it in PowerShell"),
    ),
    Meaning(
        N_("a machine did not boot in time"),
        NoBoot,
        classes=classes_of(
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
        classes=classes_of("VMBootBadState VMPowerOffToPackage"),
        text="terminated unexpectedly during startup|VM session was (aborted|closed)",
        advice=N_("VirtualBox's window shows the machine's last messages"),
        lines=("labctl doctor", "labctl up"),
    ),
    Meaning(
        N_("a machine does not accept the lab's key"),
        WrongState,
        classes=classes_of(
            "SSHAuthenticationFailed SSHKeyBadOwner SSHKeyBadPermissions SSHKeyTypeNotSupported"
            " SSHKeyTypeNotSupportedByServer SSHInsertKeyUnsupported SSHRunRequiresKeys"
            " CopyPrivateKeyFailed SSHConnectEACCES"
        ),
        lines=ANEW,
    ),
    Meaning(
        N_("Vagrant cannot use the OpenSSH client"),
        MachineLacks,
        classes=classes_of("SSHUnavailable SSHUnavailableWindows SSHIsPuttyLink"),
        advice=N_("install the OpenSSH client and put it first in PATH"),
        lines=DOCTOR,
    ),
    Meaning(
        N_("the lab's machines belong to another user of this machine"),
        WrongState,
        classes=classes_of("VirtualBoxUserMismatch"),
        advice=N_(
            "run the command as the user who made the lab, and with sudo only if it was used then"
        ),
    ),
    Meaning(
        N_("libvirt already has a machine or a disk with this name"),
        WrongState,
        classes=classes_of("DomainNameExists DomainVolumeExists"),
        advice=N_("it may be of another user: use another name for the lab"),
        lines=("labctl up",),
    ),
    Meaning(
        N_("a machine of the lab was changed outside labctl"),
        WrongState,
        classes=classes_of(
            "VMNotCreatedError VMNotRunningError VirtualBoxNameExists VMNameExists VMNotFoundError"
            " VMNoMatchError MachineNotFound MachineStateInvalid VirtualBoxNoName VMCloneFailure"
            " VMCreateMasterFailure CloneNotFound CloneMachineNotFound VMCustomizationFailed"
            " ActiveMachineWithDifferentProvider CantReadMACAddresses"
            " NoDomainError VMBaseMacNotSpecified"
            " SSHInvalidShell"
            " UnimplementedProviderAction DestroyRequiresForce NoDomainVolume"
        ),
        text="VBOX_E_OBJECT_NOT_FOUND",
        lines=ANEW,
    ),
    Meaning(
        N_("Vagrant cannot use libvirt"),
        MachineLacks,
        classes=classes_of(
            "FogLibvirtConnectionError NoStoragePool CreatingStoragePoolError FogError"
            " ManagementNetworkError ManagementNetworkRequired NetworkNotAvailableError"
            " CreateNetworkError ActivateNetworkError AutostartNetworkError DHCPMismatch"
            " NetworkNameAndAddressMismatch FogCreateVolumeError FogCreateDomainVolumeError"
            " FogCreateServerError DestroyNetworkError DomainStartError UpdateServerError"
            " AttachDeviceError DetachDeviceError ImageUploadError ImageDownloadError NoBoxVolume"
            " InterfaceSlotNotAvailable InterfaceSlotExhausted NoDiskDeviceAvailable"
        ),
        text=r"Call to vir\w+ failed|Libvirt::\w*Error",
        lines=DOCTOR,
    ),
    Meaning(
        N_("a snapshot is missing"),
        WrongState,
        classes=classes_of(
            "SnapshotNotFound SnapshotConflictFailed SnapshotNotSupported SnapshotMissing"
        ),
        lines=("labctl checkpoints",),
    ),
    Meaning(
        N_("a snapshot cannot be made, restored or removed"),
        WrongState,
        classes=classes_of(
            "SnapshotCreationError SnapshotDeletionError SnapshotListError SnapshotReversionError"
        ),
        advice=N_("use another checkpoint, or rebuild the lab"),
        lines=("labctl checkpoints", *ANEW),
    ),
    Meaning(
        N_("another Vagrant process is using the lab"),
        Locked,
        classes=classes_of(
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
        classes=classes_of(
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
        lines=DOCTOR,
    ),
    Meaning(
        N_("one of Vagrant's data files is damaged"),
        MachineLacks,
        classes=classes_of("CorruptMachineIndex PluginStateFileParseError DotfileUpgradeJSONError"),
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
        lines=DOCTOR,
    ),
    Meaning(
        N_("a program that Vagrant needs is missing"),
        MachineLacks,
        classes=classes_of("CommandUnavailable CommandUnavailableWindows"),
        advice=N_("install the program that the message names, or the newest Vagrant"),
        lines=("labctl up",),
    ),
    Meaning(
        N_("a plugin of Vagrant is missing or broken"),
        MachineLacks,
        classes=classes_of(
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
        classes=classes_of("PowerShellNotFound PowerShellInvalidVersion PowerShellError"),
        lines=DOCTOR,
    ),
    Meaning(
        N_("the clock of a machine does not fit its package mirror"),
        MachineLacks,
        text="is not valid yet",
        advice=N_("set the date and time of this machine"),
        lines=ANEW,
    ),
    Meaning(
        N_("a machine cannot download packages"),
        MachineLacks,
        text="Temporary failure resolving|E: (Failed to fetch|Unable to locate package)",
        advice=N_("connect this machine to the internet without a proxy"),
        lines=("labctl up",),
    ),
    Meaning(
        N_("Vagrant could not configure the network in a machine"),
        WrongState,
        classes=classes_of(
            "NetworkManagerNotInstalled NetplanNoAvailableRenderers GuestNotDetected"
            " GuestCapabilityInvalid GuestCapabilityNotFound GuestExplicitNotDetected"
        ),
        lines=ANEW,
    ),
    Meaning(
        N_("Vagrant asks a question, and nobody can answer it here"),
        MachineLacks,
        classes=classes_of("UIExpectsTTY"),
        advice=N_(
            'with net = "bridge" in labctl.toml, bridge must be the name of a network card that is '
            "up; the doctor lists them"
        ),
        lines=DOCTOR,
    ),
    Meaning(
        N_("Vagrant cannot read a Vagrantfile"),
        MachineLacks,
        classes=classes_of(
            "VagrantVersionBad VagrantfileLoadError VagrantfileSyntaxError VagrantfileNameError"
            " ConfigInvalid ConfigUpgradeErrors"
        ),
        advice=N_(
            "if it is not the lab's but the one in .vagrant.d, rename it: Vagrant reads it for"
            " every machine"
        ),
        lines=DOCTOR,
    ),
    Meaning(
        N_("Vagrant tried something that the lab does not need, such as sharing a folder"),
        MachineLacks,
        classes=classes_of(
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
        lines=DOCTOR,
    ),
)
