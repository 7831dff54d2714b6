"""Whether VirtualBox can use the processor's virtualization on this machine."""

from __future__ import annotations

import re

from labctl.health import Diagnosis, found, lacking, unknown, warning
from labctl.hint import Hint, commands
from labctl.i18n import _
from labctl.machine import Machine, powershell
from labctl.providers.vagrant.versions import virtualbox_version
from labctl.scripts import Script

_ASK_WINDOWS = Script("labctl.providers.vagrant", "virtualization.ps1")
_VBS_RUNS, _MEMORY_INTEGRITY = "2", "2"
_FIRMWARE = "https://www.virtualbox.org/manual/ch10.html#hwvirt"


def virtualization(machine: Machine) -> Diagnosis:
    """VT-x or AMD-V on, and no other hypervisor in the way."""
    systems = {"linux": _on_linux, "darwin": _on_mac, "win32": _on_windows}
    check = systems.get(machine.system)
    return check(machine) if check else found("virtualization", machine.system)


def _off(what: str) -> Diagnosis:
    return lacking(
        "virtualization",
        what,
        _("VirtualBox needs it to run the machines"),
        _("switch on VT-x or AMD-V (SVM) in the firmware's set-up: {page}", page=_FIRMWARE),
    )


def _on_linux(machine: Machine) -> Diagnosis:
    if machine.architecture != "x86_64":
        return lacking(
            "virtualization",
            _(
                "VirtualBox for Linux runs on x86-64 only; this machine is {cpu}",
                cpu=machine.architecture,
            ),
            _("VirtualBox runs the machines"),
            commands("labctl doctor", text=_("use a provider that works on this machine")),
        )
    flags = (machine.read("/proc/cpuinfo") or "").split()
    if "vmx" in flags or "svm" in flags:
        return _beside_kvm(machine)
    return _off(_("the processor reports no virtualization"))


def _beside_kvm(machine: Machine) -> Diagnosis:
    """Linux's own KVM and VirtualBox take the processor's virtualization from each other.

    From Linux 6.12 on KVM holds it while its module is loaded, unless enable_virt_at_load is off;
    VirtualBox then starts no machine. From 7.2.10 on VirtualBox goes through KVM and fails if KVM
    does not hold it.

    Source: https://github.com/VirtualBox/virtualbox/issues/188 and /711.
    """
    on = found("virtualization", _("virtualization is on"))
    module = next((each for each in ("kvm_intel", "kvm_amd") if _loaded(machine, each)), None)
    holds = _kvm_holds(machine)
    version = virtualbox_version(machine)
    if module is None or holds is None or not version:
        return on
    conf = "/etc/modprobe.d/labctl-kvm.conf"
    if version < (7, 2, 10) and holds:
        line = f'echo "options kvm enable_virt_at_load=0" >{conf}'
        return lacking(
            "virtualization",
            _("KVM holds the processor's virtualization"),
            _("VirtualBox before 7.2.10 cannot start a machine meanwhile"),
            Hint(
                _("the first command lasts until the next restart, the second is permanent"),
                (("sudo", "modprobe", "-r", module, "kvm"), ("sudo", "sh", "-c", line)),
            ),
        )
    if version >= (7, 2, 10) and not holds:
        return lacking(
            "virtualization",
            _("KVM is loaded with enable_virt_at_load=0"),
            _("VirtualBox 7.2.10 and newer cannot start a machine without KVM"),
            Hint(
                _("remove this option from /etc/modprobe.d and the kernel command line, then run"),
                (("sudo", "modprobe", "-r", module, "kvm"), ("sudo", "modprobe", module)),
            ),
        )
    return on


def _loaded(machine: Machine, module: str) -> bool:
    return machine.exists(f"/sys/module/{module}")


def _kvm_holds(machine: Machine) -> bool | None:
    """Whether KVM holds the virtualization while it is loaded; None before Linux 6.12."""
    release = machine.read("/proc/sys/kernel/osrelease") or ""
    match = re.match(r"(\d+)\.(\d+)", release)
    if match is None or tuple(map(int, match.groups())) < (6, 12):
        return None
    said = (machine.read("/sys/module/kvm/parameters/enable_virt_at_load") or "Y").strip()
    return said not in ("N", "0")


def _on_mac(machine: Machine) -> Diagnosis:
    said = machine.ask("sysctl", "-n", "kern.hv_support").strip()
    if not said:
        return unknown("virtualization", _("whether virtualization is on"))
    if said == "1":
        return found("virtualization", _("virtualization is on"))
    return _off(_("the processor reports no virtualization"))


def _on_windows(machine: Machine) -> Diagnosis:
    said = machine.ask(*powershell(_ASK_WINDOWS))
    # Warnings may come first. An empty word between two blanks is a value that Windows does not
    # know.
    last = said.strip("\r\n").rpartition("\n")[2].strip("\r")
    firmware, hypervisor, vbs, services = (*last.split(" "), "", "", "", "")[:4]
    if hypervisor not in ("True", "False"):
        why = _("PowerShell did not answer")
        return unknown("virtualization", _("whether virtualization is on"), why)
    # With a hypervisor running, Windows no longer sees the processor's own switch.
    if hypervisor == "True":
        return warning(
            "virtualization",
            _("another hypervisor is running: {what}", what=_hypervisor_of_windows(vbs, services)),
            _("VirtualBox is slow beside it, or its machines do not boot in time"),
            _how_to_free_windows(vbs),
        )
    if firmware == "False":
        return _off(_("virtualization is off in the firmware"))
    return found("virtualization", _("virtualization is on"))


def _hypervisor_of_windows(vbs: str, services: str) -> str:
    if _MEMORY_INTEGRITY in services.split(","):
        return _("Windows' Memory integrity")
    if vbs == _VBS_RUNS:
        return _("Windows' virtualization-based security")
    if not vbs:
        return _("Hyper-V, WSL 2 or Windows' Memory integrity")
    return _("Hyper-V or WSL 2")


def _how_to_free_windows(vbs: str) -> Hint:
    text = _("run this as administrator, then restart Windows")
    if vbs in (_VBS_RUNS, ""):
        # With it, Windows starts its hypervisor whatever bcdedit says.
        text = _(
            "switch Memory integrity off if it is on (Windows Security, Device security, Core"
            " isolation), run this as administrator, then restart Windows"
        )
    return commands("bcdedit /set hypervisorlaunchtype off", text=text)
