"""「Postfixの起動順の設定」: Postfix starts once the address it listens on is there."""

from __future__ import annotations

from labctl.i18n import N_, _
from labctl.managed import ManagedFile
from labctl.results import Change, Finding
from provision.facts import ask
from provision.render import render
from provision.step import Scene, Step, Target

_TEMPLATE = "/etc/systemd/system/network-online.conf"
_UNITS = ("postfix.service", "postfix@.service")


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """A drop-in for Debian's wrapper unit and for the unit that starts Postfix."""
    return tuple(
        render(scene, f"/etc/systemd/system/{unit}.d/network-online.conf", template=_TEMPLATE)
        for unit in _UNITS
    )


def apply(target: Target) -> list[Change]:
    """Writes the drop-ins; they count from the next boot, so nothing is restarted."""
    written = target.install(files(target.scene))
    if written:
        target.remote.run(["systemctl", "daemon-reload"])
    return written


_ASK = r"""
say after systemctl show --value -p After postfix.service postfix@-.service
say wants systemctl show --value -p Wants -p Requires postfix.service postfix@-.service
"""
_TARGET = "network-online.target"


def check(target: Target) -> list[Finding]:
    """systemd itself orders Postfix after the network, through whichever of its units."""
    facts = ask(target, _ASK)
    is_ordered = _TARGET in facts["after"].split()
    return [
        Finding(
            code="boot-order.after",
            ok=is_ordered,
            what=_("Postfix starts after the network is up"),
            found=_TARGET if is_ordered else _("no such order"),
            expected=f"After={_TARGET}",
            hint=_("systemctl show -p After postfix tells what it waits for."),
            solution=f"systemctl edit postfix: [Unit] After={_TARGET} Wants={_TARGET}",
        )
    ]


STEP = Step(
    name="boot-order",
    section="Postfixの起動順の設定（任意）",
    summary=N_("has Postfix start once the network is up"),
    apply=apply,
    check=check,
    files=files,
    requires=("packages",),
)
