"""「main.cfの設定」: the six parameters, a silent `postfix check`, and Postfix running."""

from __future__ import annotations

from labctl.i18n import N_
from labctl.managed import ManagedFile
from labctl.results import Change
from labctl.scripts import Script
from provision import aliases
from provision.changes import flag, host_script
from provision.postfix_check import check
from provision.render import render
from provision.step import Scene, Step, Target

_POSTFIX = Script("provision", "postfix.sh")


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """main.cf as a whole."""
    return (render(scene, scene.family.postfix.main_cf),)


def apply(target: Target) -> list[Change]:
    """Write main.cf, and master.cf if there is none. Run Postfix with them."""
    postfix = target.family.postfix
    written = target.install(files(target.scene))
    built = _aliases(target)
    running = host_script(
        target,
        _POSTFIX,
        flag(written),
        postfix.unit,
        postfix.running_unit,
        postfix.main_cf,
        postfix.master_cf,
        postfix.master_example,
        postfix.spool,
        postfix.chroot,
    )
    return [*written, *built, *running]


def _aliases(target: Target) -> list[Change]:
    """Build the alias database if the book has no section for it: RHEL's unit builds it."""
    if any(section.step == aliases.STEP.name for section in target.lab.edition.sections):
        return []
    return list(aliases.STEP.apply(target))


STEP = Step(
    name="postfix",
    section="main.cfの設定",
    summary=N_("sets the book's parameters, and starts and enables Postfix"),
    apply=apply,
    check=check,
    files=files,
    requires=("packages",),
    tried=True,
)
