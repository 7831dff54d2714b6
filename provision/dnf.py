"""dnf and rpm, the package managers of the RHEL family."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.i18n import _
from labctl.scripts import Script
from provision.scripted_packages import ScriptedPackages


@dataclass(frozen=True)
class Dnf(ScriptedPackages):
    """Packages by dnf. See provision.families.base.Packages."""

    manifest_script = Script("provision", "manifest-rpm.sh")
    installed_script = Script("provision", "rpm-installed.sh")
    versions_script = Script("provision", "rpm-versions.sh")
    install_script = Script("provision", "dnf-install.sh")

    def command(self, name: str) -> str:
        return f"dnf install {name}"

    def listing(self, name: str) -> str:
        return f"rpm -ql {name}"

    @property
    def hint(self) -> str:
        return _("rpm -qa shows what is installed. Is the package's name right for this system?")
