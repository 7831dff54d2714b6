"""Whether VirtualBox can use the processor's virtualization, and Vagrant the home folder."""

from __future__ import annotations

from labctl.diagnosis import Diagnosis, found, lacking, warning
from labctl.hint import commands
from labctl.i18n import _
from labctl.machine import Machine

_ASK_WINDOWS = (
    "$p = Get-CimInstance Win32_Processor | Select-Object -First 1; "
    "$s = Get-CimInstance Win32_ComputerSystem; "
    '"$($p.VirtualizationFirmwareEnabled) $($s.HypervisorPresent)"'
)
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
        _("VirtualBox runs the machines on it"),
        _("switch on VT-x or AMD-V (SVM) in the firmware's set-up: {page}", page=_FIRMWARE),
    )


def _on_linux(machine: Machine) -> Diagnosis:
    if machine.architecture != "x86_64":
        return lacking(
            "virtualization",
            _("VirtualBox for Linux runs on x86-64 only, this is {cpu}", cpu=machine.architecture),
            _("VirtualBox runs the machines"),
            commands("labctl doctor", text=_("use a provider that works on this machine")),
        )
    flags = (machine.read("/proc/cpuinfo") or "").split()
    if "vmx" in flags or "svm" in flags:
        return found("virtualization", _("virtualization is on"))
    return _off(_("the processor shows no virtualization"))


def _on_mac(machine: Machine) -> Diagnosis:
    if machine.ask("sysctl", "-n", "kern.hv_support").strip() == "1":
        return found("virtualization", _("virtualization is on"))
    return _off(_("the processor shows no virtualization"))


def _on_windows(machine: Machine) -> Diagnosis:
    said = machine.ask("powershell", "-NoProfile", "-NonInteractive", "-Command", _ASK_WINDOWS)
    firmware, _space, hypervisor = said.strip().partition(" ")
    # With a hypervisor running, Windows no longer sees the processor's own switch.
    if hypervisor == "True":
        return warning(
            "virtualization",
            _("Hyper-V or WSL 2 is in the way: Windows itself runs on a hypervisor"),
            _("VirtualBox then runs slowly, or its machines do not boot in time"),
            commands(
                "bcdedit /set hypervisorlaunchtype off",
                text=_("type this as administrator, then restart Windows"),
            ),
        )
    if firmware == "False":
        return _off(_("virtualization is off in the firmware"))
    return found("virtualization", _("virtualization is on"))


def home_folder(machine: Machine) -> Diagnosis:
    """Vagrant on Windows fails in a home folder with letters outside ASCII."""
    folder = machine.environment("VAGRANT_HOME") or str(machine.home)
    if machine.system != "win32" or folder.isascii():
        return found("home", _("Vagrant keeps its boxes below {folder}", folder=folder))
    return lacking(
        "home",
        _("the folder {folder} has letters outside ASCII", folder=folder),
        _("Vagrant on Windows cannot work there"),
        commands(r"setx VAGRANT_HOME C:\vagrant", text=_("then open a new window")),
    )
