"""What this machine needs so that Vagrant can make the hosts with libvirt."""

from __future__ import annotations

from labctl.health import Diagnosis, found, lacking, warning
from labctl.hint import Hint, commands
from labctl.i18n import _
from labctl.machine import Machine
from labctl.providers.vagrant.libvirt import URI

PLUGIN = "vagrant-libvirt"
_PAGE = "https://vagrant-libvirt.github.io/vagrant-libvirt/installation.html"
_START = "sudo systemctl enable --now libvirtd"
_HASHICORP = "/opt/vagrant"
_FROM_PACKAGES = {"debian", "ubuntu"}


def libvirt_plugin(machine: Machine) -> Diagnosis:
    """The plugin that brings libvirt to Vagrant."""
    program = machine.program("vagrant")
    if program is not None and PLUGIN in machine.ask(program, "plugin", "list"):
        return found("plugin", _("Vagrant has the plugin {name}", name=PLUGIN))
    mend = commands(f"vagrant plugin install {PLUGIN}")
    # HashiCorp's Vagrant does not load the plugins of Debian's packages.
    if machine.distribution in _FROM_PACKAGES and not machine.exists(_HASHICORP):
        mend = commands(f"sudo apt install {PLUGIN}")
    return lacking(
        "plugin",
        _("Vagrant lacks the plugin {name}", name=PLUGIN),
        _("it creates the machines with libvirt"),
        mend,
    )


def libvirt_answers(machine: Machine) -> Diagnosis:
    """libvirt's daemon runs and accepts this user."""
    if machine.system != "linux":
        return lacking(
            "libvirt",
            _("libvirt runs machines on Linux only"),
            _("it runs the lab's machines"),
            _('write hypervisor = "virtualbox" in labctl.toml'),
        )
    if machine.program("virsh") is None:
        mend = Hint(_PAGE)
        if machine.distribution in _FROM_PACKAGES:
            packages = "libvirt-daemon-system libvirt-clients qemu-system-x86"
            mend = commands(f"sudo apt install {packages}")
        return lacking(
            "libvirt", _("libvirt is not installed"), _("it runs the lab's machines"), mend
        )
    if machine.ask("virsh", "-c", URI, "version"):
        return found("libvirt", _("libvirt answers at {uri}", uri=URI))
    return lacking(
        "libvirt",
        _("libvirt does not answer at {uri}", uri=URI),
        _("it runs the lab's machines"),
        commands(_START) if machine.is_root else _started_for(machine.home.name),
    )


def _started_for(user: str) -> Hint:
    return commands(_START, f"sudo adduser {user} libvirt", text=_("run this, then log in again"))


def kvm_there(machine: Machine) -> Diagnosis:
    """Whether KVM can be tried; without it machines are emulated, ten times slower."""
    if machine.exists("/dev/kvm"):
        return found("kvm", _("KVM exists; the first up tests whether it can run machines"))
    return warning(
        "kvm",
        _("this machine has no KVM"),
        _("the machines are emulated, which is ten times slower"),
        _("switch on VT-x or AMD-V (SVM) in the firmware's set-up"),
    )
