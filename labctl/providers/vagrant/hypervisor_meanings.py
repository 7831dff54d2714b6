"""What the errors of VirtualBox and QEMU mean, by the text of the error.

VBoxManage's errors all have the class VBoxManageError, so their text identifies them, if possible
by a code: since VirtualBox 7 the words are in the language of the system.
"""

from __future__ import annotations

from labctl.errors import MachineLacks, WrongState
from labctl.i18n import N_
from labctl.providers.vagrant.meaning import (
    ANEW,
    DOCTOR,
    Locked,
    Meaning,
    NoBoot,
    PortTaken,
    classes_of,
)

HYPERVISOR: tuple[Meaning, ...] = (
    Meaning(
        N_("QEMU cannot start a machine"),
        NoBoot,
        text="closed the monitor|connecting to monitor|failed to set MSR|ioctl\\(KVM_"
        "|KVM kernel module|domaintype=kvm|type=kvm|requires KVM",
        advice=N_("check that virtualization is on and that this user may use /dev/kvm"),
        lines=DOCTOR,
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
        classes=classes_of("HypervVirtualBoxError"),
        # VERR_NEM_NOT_AVAILABLE only says that no hypervisor of Windows runs.
        text="VERR_VMX_IN_VMX_ROOT_MODE|VERR_SVM_IN_USE|VERR_NEM_(?!NOT_AVAILABLE)"
        "|being used by another hypervisor|courtesy of Hyper-V|NO_RAW_MODE_HYPER_V"
        "|VERR_VMX_VMXON_FAILED"
        # Hyper-V runs, without the feature "Windows Hypervisor Platform".
        "|native API dll was not found",
        advice=N_("the doctor names it and shows how to switch it off"),
        lines=DOCTOR,
    ),
    Meaning(
        N_("Linux's KVM is needed, but does not hold the processor's virtualization"),
        MachineLacks,
        # From VirtualBox 7.2.10 on (https://github.com/VirtualBox/virtualbox/issues/711).
        text="VERR_(SVM|VMX)_HOST_\\w+_NOT_ENABLED",
        advice=N_("the doctor shows how to give it back to KVM"),
        lines=DOCTOR,
    ),
    Meaning(
        N_("the processor's virtualization is switched off"),
        MachineLacks,
        text="VERR_VMX_NO_VMX|VERR_VMX_MSR_[A-Z_]*DISABLED|VERR_SVM_NO_SVM|VERR_SVM_DISABLED"
        "|VERR_UNSUPPORTED_CPU|VERR_HM_",
        lines=DOCTOR,
    ),
    Meaning(
        N_("VirtualBox's own files are damaged or another program blocks them"),
        MachineLacks,
        text="Unable to load R3 module|VERR_SUPLIB_|VERR_SUP_VP_|VERR_SUPDRV_HARDENING|VERR_LDR"
        "|supR3Hardened|contains a virus",
        advice=N_("install VirtualBox again, and let antivirus programs leave it alone"),
        lines=DOCTOR,
    ),
    Meaning(
        N_("VirtualBox cannot use its kernel modules"),
        MachineLacks,
        classes=classes_of("VirtualBoxKernelModuleNotLoaded VirtualBoxInstallIncomplete"),
        text="VERR_VM_DRIVER_|rc=-19[01][0-9]|VERR_SUPDRV_|/dev/vbox(drv|netctl)|VBoxDrvStub"
        "|VERR_\\w*VERSION_MISMATCH"
        "|VERR_SYMBOL_NOT_FOUND|kernel (driver is either not loaded|modules do not match)"
        "|kernel modules? (is|are) not loaded",
        advice=N_(
            "on Linux the doctor shows how to load them; elsewhere install VirtualBox again, allow"
            " its system software on macOS, and restart this machine"
        ),
        lines=DOCTOR,
    ),
    Meaning(
        N_("a port that the lab needs is in use"),
        PortTaken,
        classes=classes_of(
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
        lines=ANEW,
    ),
    Meaning(
        N_("VirtualBox still lists a disk of a deleted machine"),
        WrongState,
        text=r"Cannot register the (hard disk|DVD image)|of the medium .* does not match",
        advice=N_("remove it in VirtualBox's window, in the list of media, then rebuild the lab"),
        lines=ANEW,
    ),
    Meaning(
        N_("this machine's disk is full"),
        MachineLacks,
        classes=classes_of("PluginInstallSpace"),
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
        classes=classes_of(
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
        lines=DOCTOR,
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
        classes=classes_of(
            "ProviderNotUsable NoDefaultProvider VirtualBoxNotDetected VirtualBoxInvalidVersion"
            " VirtualBoxVersionEmpty"
            " VBoxManageNotFoundError VBoxManageLaunchError VirtualBoxBrokenVersion040214"
            " VirtualBoxMachineFolderNotFound ProviderNotFound ProviderNotFoundSuggestion"
            " ProviderCantInstall ProviderInstallFailed ProviderChecksumMismatch"
        ),
        lines=DOCTOR,
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
        lines=DOCTOR,
    ),
    Meaning(
        N_("the box needs something that this VirtualBox does not have"),
        MachineLacks,
        text="Extension Pack|RawFile#0",
        advice=N_("take box and version out of labctl.toml, so that the edition's box is used"),
        lines=ANEW,
    ),
    Meaning(
        N_("VirtualBox cannot read a machine of the lab"),
        WrongState,
        classes=classes_of("VMInaccessible VirtualBoxConfigNotFound"),
        text="Medium '.*' is not accessible|E_ACCESSDENIED|VERR_FILE_NOT_FOUND|VERR_PATH_NOT_FOUND"
        "|VBOX_E_FILE_ERROR|VERR_VD_|VBOX_E_XML_ERROR|VERR_SSM_|Runtime error opening"
        "|storage format of the medium",
        lines=ANEW,
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
)
