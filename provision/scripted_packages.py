"""Installing packages by the scripts of a package manager, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from labctl.results import Change, ChangeKind
from labctl.scripts import Script
from provision.changes import host_script

if TYPE_CHECKING:
    from provision.step import Target

# Seconds for a slow mirror and a slow disk.
_PATIENCE = 1800.0


@dataclass(frozen=True)
class ScriptedPackages:
    """Packages by four scripts. See provision.families.base.Packages."""

    manifest_script: ClassVar[Script]
    installed_script: ClassVar[Script]
    versions_script: ClassVar[Script]
    install_script: ClassVar[Script]
    # dnf configures each package as it unpacks it.
    unfinished_script: ClassVar[Script | None] = None

    @property
    def manifest(self) -> Script:
        return self.manifest_script

    def missing(self, target: Target, names: Sequence[str]) -> list[str]:
        installed = target.remote.script(self.installed_script, *names).stdout.split()
        return [name for name in names if name not in installed]

    def unfinished(self, target: Target, names: Sequence[str]) -> list[str]:
        if self.unfinished_script is None:
            return []
        found = target.remote.script(self.unfinished_script, *names).stdout.split()
        return [name for name in names if name in found]

    @property
    def finishing(self) -> str:
        return ""

    def install(self, target: Target, names: Sequence[str]) -> list[Change]:
        missing = self.missing(target, names)
        if not missing:
            return []
        reported = host_script(target, self.install_script, *missing, timeout=_PATIENCE)
        return [*reported, *(Change(ChangeKind.INSTALLED, name) for name in missing)]

    def versions(self, target: Target, names: Sequence[str]) -> Mapping[str, str]:
        lines = target.remote.script(self.versions_script, *names).stdout.splitlines()
        return dict(line.split(" ", 1) for line in lines if " " in line)
