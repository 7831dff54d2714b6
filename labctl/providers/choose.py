"""Which provider a lab gets, and why."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.errors import MachineLacks
from labctl.hint import commands
from labctl.home import LabHome
from labctl.i18n import N_, _
from labctl.lab import Lab
from labctl.machine import Machine, ThisMachine
from labctl.providers.base import Provider
from labctl.providers.registry import provider_class, provider_names


@dataclass(frozen=True)
class Choice:
    """A provider's name and the reason it was taken, in English: it is translated when shown."""

    name: str
    reason: str


def choose(
    asked: str | None, lab: Lab, made_with: str | None, machine: Machine | None = None
) -> Choice:
    """Choose in this order: asked for, lab file, made with, the first that suits the machine.

    Args:
        asked: The value of `--provider`.
        made_with: The provider that the lab's state names.
        machine: The machine to look at; this one by default.

    Raises:
        WrongUsage: There is no provider of that name.
        MachineLacks: No provider suits this machine.
    """
    if asked is not None:
        provider_class(asked)
        return Choice(asked, N_("requested with --provider"))
    if lab.choices.provider is not None:
        return Choice(lab.choices.provider, N_("set in the lab file"))
    if made_with is not None:
        return Choice(made_with, N_("the lab was created with it"))
    here = machine or ThisMachine()
    for name in provider_names():
        reason = provider_class(name).suits(here)
        if reason is not None:
            return Choice(name, reason)
    # Labs of root are not seen by others, so this comes first if `sudo` was forgotten.
    with_sudo = here.system == "linux" and not here.is_root
    raise MachineLacks(
        _("no provider can make the hosts on this machine"),
        cause=_("labctl does not run as root") if with_sudo else "",
        hint=commands(
            "labctl doctor",
            text=_(
                "on Linux, root can make them, and has labs of its own: put sudo before the command"
            )
            if with_sudo
            else "",
        ),
    )


def make_provider(name: str, lab: Lab, home: LabHome) -> Provider:
    """The provider of that name, bound to the lab; raises WrongUsage for an unknown name."""
    return provider_class(name)(lab, home)
