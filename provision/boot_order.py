"""「Postfixの起動順の設定」: Postfix starts when the host has the address it listens on."""

from __future__ import annotations

from labctl.i18n import N_, _
from labctl.managed import ManagedFile
from labctl.results import Change, Finding
from labctl.scripts import Script
from provision.facts import ask
from provision.render import render
from provision.step import Scene, Step, Target

_TEMPLATE = "/etc/systemd/system/network-online.conf"
_TARGET = "network-online.target"
_CHECK = Script("provision", "boot-order-check.sh")


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """A drop-in for each unit that starts Postfix."""
    return tuple(
        render(scene, f"/etc/systemd/system/{unit}.d/network-online.conf", template=_TEMPLATE)
        for unit in scene.family.postfix.drop_ins
    )


def apply(target: Target) -> list[Change]:
    """Write the drop-ins. They count from the next boot on, so nothing is restarted."""
    written = target.install(files(target.scene))
    if written:
        target.remote.run(["systemctl", "daemon-reload"])
    return written


def check(target: Target) -> list[Finding]:
    """systemd itself starts Postfix after the network, whichever of its units says so."""
    postfix = target.family.postfix
    units = dict.fromkeys((f"{postfix.unit}.service", f"{postfix.running_unit}.service"))
    facts = ask(target, _CHECK, *units)
    is_ordered = _TARGET in facts["after"].split()
    if absent := facts.lines("absent"):
        return [_absent(absent[0])]
    return [
        Finding(
            code="boot-order.after",
            ok=is_ordered,
            what=_("Postfix starts after the network is up"),
            found=_TARGET if is_ordered else _("no such order"),
            expected=f"After={_TARGET}",
            hint=_("systemctl show -p After postfix shows what it waits for."),
            solution=f"systemctl edit postfix: [Unit] After={_TARGET} Wants={_TARGET}",
        )
    ]


def _absent(unit: str) -> Finding:
    """Postfix requires a unit that does not exist, so that systemd will not start it."""
    return Finding(
        code="boot-order.requires",
        ok=False,
        what=_("Postfix can start at the next boot"),
        found=f"Requires={unit}",
        expected=_("a unit that exists"),
        hint=_("systemd starts no unit without those that it requires. Is a name misspelt?"),
        solution="systemctl edit --full postfix; systemctl daemon-reload",
    )


STEP = Step(
    name="boot-order",
    section="Postfixの起動順の設定（任意）",
    summary=N_("starts Postfix after the network is up"),
    apply=apply,
    check=check,
    files=files,
    requires=("packages",),
)
