"""Recognize Vagrant's errors by their text, where Vagrant does not print the class.

That is so for `vagrant ssh`, which has no machine-readable output, and for machines that boot in
parallel (libvirt): there, one error of the class BatchMultiError contains the texts of all.
"""

from __future__ import annotations

# A part of the text, on one line, and the class in Vagrant's lib/vagrant/errors.rb or in
# vagrant-libvirt's. The texts did not change between Vagrant 2.3.4 and 2.4.9.
CLASSES_BY_TEXT: dict[str, str] = {
    "Timed out while waiting for the machine to boot": "VMBootTimeout",
    "The guest machine entered an invalid state while waiting for it to boot": "VMBootBadState",
    "SSH authentication failed!": "SSHAuthenticationFailed",
    "SSH connection was refused!": "SSHConnectionRefused",
    "SSH connection was reset!": "SSHConnectionReset",
    "SSH connection was aborted!": "SSHConnectionAborted",
    "Vagrant timed out while attempting to connect via SSH": "SSHConnectionTimeout",
    "The SSH connection was unexpectedly closed by the remote end": "SSHDisconnected",
    'While attempting to connect with SSH, a "no route to host"': "SSHNoRoute",
    'While attempting to connect with SSH, a "host is down"': "SSHHostDown",
    "An error occurred in the underlying SSH library that Vagrant uses": "NetSSHException",
    "is reporting that it is not yet ready for SSH": "SSHNotReady",
    "The private key to connect to the machine via SSH must be owned": "SSHKeyBadOwner",
    "The private key to connect to this box via SSH has invalid permissions": (
        "SSHKeyBadPermissions"
    ),
    "`ssh` binary could not be found": "SSHUnavailable",
    "but another process is already executing an action on the machine": (
        "MachineActionLockedError"
    ),
    "this lock is being held by another instance of Vagrant already": "EnvironmentLockedError",
    "VM must be created before running this command": "VMNotCreatedError",
    "VM must be running to open SSH connection": "VMNotRunningError",
    'Your VM has become "inaccessible."': "VMInaccessible",
    "The VirtualBox VM was created with a user that doesn't match": "VirtualBoxUserMismatch",
    "they would collide with some other application that is already listening": (
        "ForwardPortCollision"
    ),
    "Vagrant found a port collision for the specified port": "ForwardPortAutolistEmpty",
    "The checksum of the downloaded box did not match the expected value": "BoxChecksumMismatch",
    "could not be found or could not be accessed in the remote catalog": "BoxAddShortNotFound",
    "An error occurred while downloading the remote file": "DownloaderError",
    "The box you're attempting to add doesn't support the provider you requested": (
        "BoxAddNoMatchingProvider"
    ),
    "The box you're attempting to add doesn't support the requested architecture with": (
        "BoxAddNoMatchingArchitecture"
    ),
    "isn't installed for the architecture": "BoxNotFoundWithProviderArchitecture",
    "The home directory you specified is not accessible": "HomeDirectoryNotAccessible",
    "The directory Vagrant will use to store local environment-specific state is not": (
        "LocalDataDirectoryNotAccessible"
    ),
    "It appears that a newer version of Vagrant was run on this machine": (
        "HomeDirectoryLaterVersion"
    ),
    "The box you're attempting to add has no available version that matches the constraints you "
    "requested with support for the required provider": "BoxAddNoMatchingProviderVersion",
    "is reporting that it isn't usable on this system": "ProviderNotUsable",
    "a version of VirtualBox installed that is not supported": "VirtualBoxInvalidVersion",
    "VirtualBox is complaining that the kernel module is not loaded": (
        "VirtualBoxKernelModuleNotLoaded"
    ),
    "VirtualBox is complaining that the installation is incomplete": "VirtualBoxInstallIncomplete",
    "Hyper-V and VirtualBox cannot be used together": "HypervVirtualBoxError",
    "Vagrant is unable to use the VirtualBox provider from the Windows Subsystem for Linux": (
        "WSLVirtualBoxWindowsAccessError"
    ),
    "The guest operating system of the machine could not be detected": "GuestNotDetected",
    "interface with the UI in a way that requires a TTY": "UIExpectsTTY",
    "is trying to run was not found in the PATH variable": "CommandUnavailable",
    "is trying to run was not found in the %PATH% variable": "CommandUnavailableWindows",
    "Failed to locate the powershell executable": "PowerShellNotFound",
    "There was an error loading a Vagrantfile": "VagrantfileLoadError",
    "There is a syntax error in the following Vagrantfile": "VagrantfileSyntaxError",
    "There are errors in the configuration of this machine": "ConfigInvalid",
    "Vagrant was unable to mount VirtualBox shared folders": "VirtualBoxMountFailed",
    "Failed to mount folders in Linux guest": "LinuxMountFailed",
    '"rsync" could not be found on your PATH': "RSyncNotFound",
    "The machine index which stores all required information about": "CorruptMachineIndex",
    "Failed to parse the state file": "PluginStateFileParseError",
    "Cannot create snapshot(s)": "SnapshotCreationError",
    "Cannot revert snapshot(s)": "SnapshotReversionError",
    "There was an error talking to Libvirt": "FogError",
    "Error while connecting to Libvirt": "FogLibvirtConnectionError",
    "No usable storage pool found!": "NoStoragePool",
    "Volume for domain is already created": "DomainVolumeExists",
    "Error while creating domain": "FogCreateServerError",
    "of domain about to create is already taken": "DomainNameExists",
    "Failed to start domain": "DomainStartError",
    "No IP address found": "NoIpAddressError",
}


def class_of(said: str) -> str:
    """The class of the error with this text on one line; "" if it is not known."""
    return next((name for text, name in CLASSES_BY_TEXT.items() if text in said), "")
