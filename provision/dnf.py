"""dnf and rpm, the package managers of the RHEL family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.i18n import _
from labctl.results import Change, ChangeKind
from labctl.scripts import Script
from provision.changes import host_script

if TYPE_CHECKING:
    from provision.step import Target

_INSTALLED = Script("provision", "rpm-installed.sh")
_VERSIONS = Script("provision", "rpm-versions.sh")
_MANIFEST = Script("provision", "manifest-rpm.sh")
_INSTALL = Script("provision", "dnf-install.sh")
# Seconds for a slow mirror and a slow disk.
_PATIENCE = 1800.0


@dataclass(frozen=True)
class Dnf:
    """Packages by dnf. See provision.families.base.Packages."""

    @property
    def manifest(self) -> Script:
        return _MANIFEST

    def missing(self, target: Target, names: Sequence[str]) -> list[str]:
        installed = target.remote.script(_INSTALLED, *names).stdout.split()
        return [name for name in names if name not in installed]

    def install(self, target: Target, names: Sequence[str]) -> list[Change]:
        missing = self.missing(target, names)
        if not missing:
            return []
        reported = host_script(target, _INSTALL, *missing, timeout=_PATIENCE)
        return [*reported, *(Change(ChangeKind.INSTALLED, name) for name in missing)]

    def versions(self, target: Target, names: Sequence[str]) -> Mapping[str, str]:
        lines = target.remote.script(_VERSIONS, *names).stdout.splitlines()
        return dict(line.split(" ", 1) for line in lines if " " in line)

    def command(self, name: str) -> str:
        return f"dnf install {name}"

    @property
    def hint(self) -> str:
        return _("rpm -qa shows what is installed. Is the package's name right for this system?")
