"""apt and dpkg, the package managers of Debian and Ubuntu."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.i18n import _
from labctl.scripts import Script
from provision.scripted_packages import ScriptedPackages


@dataclass(frozen=True)
class Apt(ScriptedPackages):
    """Packages by apt. See provision.families.base.Packages."""

    manifest_script = Script("provision", "manifest-dpkg.sh")
    installed_script = Script("provision", "apt-installed.sh")
    versions_script = Script("provision", "apt-versions.sh")
    install_script = Script("provision", "apt-install.sh")
    unfinished_script = Script("provision", "apt-unfinished.sh")

    @property
    def finishing(self) -> str:
        return "dpkg --configure -a"

    def command(self, name: str) -> str:
        return f"apt install {name}"

    def listing(self, name: str) -> str:
        return f"dpkg -L {name}"

    @property
    def hint(self) -> str:
        return _("dpkg -l shows what is installed. Is the package's name right for this system?")
