"""「自動起動とファイアウォールの設定」: open for SSH, DNS, mail and the automatic set-up."""

from __future__ import annotations

from labctl.i18n import N_
from labctl.managed import ManagedFile
from labctl.results import Change
from provision.firewall_check import EXTRA_RULES, RULES, check
from provision.step import Scene, Step, Target

_OPEN = (*RULES, *EXTRA_RULES)


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """The firewall's files with the lab's ports open."""
    return scene.family.firewall.files(scene, _OPEN)


def apply(target: Target) -> list[Change]:
    """Write the firewall's files and load its rules."""
    written = target.install(files(target.scene))
    opened = target.family.firewall.keep_open(target, _OPEN, changed=bool(written))
    return [*written, *opened]


STEP = Step(
    name="firewall",
    section="自動起動とファイアウォールの設定",
    summary=N_("opens the ports of SSH, DNS and mail in the firewall, and switches it on"),
    apply=apply,
    check=check,
    files=files,
    requires=("packages",),
)
