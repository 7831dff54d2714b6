"""Which provider a lab gets, and why."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from labctl.errors import MachineLacks, WrongUsage
from labctl.home import LabHome
from labctl.i18n import _
from labctl.lab import Lab
from labctl.providers.base import Provider
from labctl.providers.vagrant.virtualbox import vboxmanage

PROVIDERS = ("vagrant", "nspawn")


@dataclass(frozen=True)
class Choice:
    """A provider's name and the reason it was taken, as a sentence."""

    name: str
    reason: str


def choose(asked: str | None, lab: Lab, made_with: str | None) -> Choice:
    """In this order: asked for, lab file, made with, VirtualBox installed, Linux as root.

    Raises WrongUsage for an unknown name, MachineLacks where this machine has none.
    """
    ensure_known(asked)
    if asked is not None:
        return Choice(asked, _("asked for by --provider"))
    if lab.choices.provider is not None:
        return Choice(lab.choices.provider, _("the lab file says so"))
    if made_with is not None:
        return Choice(made_with, _("the lab was made with it"))
    if vboxmanage() is not None:
        return Choice("vagrant", _("VirtualBox is installed"))
    if sys.platform == "linux" and os.geteuid() == 0:
        return Choice("nspawn", _("Linux, root, and no VirtualBox"))
    raise MachineLacks(
        _("neither VirtualBox nor root on Linux: nothing to make the hosts with"),
        hint=_("labctl doctor"),
    )


def ensure_known(name: str | None) -> None:
    """Raises WrongUsage, with the names there are, for a provider that does not exist."""
    if name is not None and name not in PROVIDERS:
        raise WrongUsage(
            _("there is no provider {name}", name=repr(name)),
            hint=_("providers: {names}", names=", ".join(PROVIDERS)),
        )


def make_provider(name: str, lab: Lab, home: LabHome) -> Provider:
    """The provider of that name, bound to the lab."""
    if name == "vagrant":
        from labctl.providers.vagrant import VagrantProvider

        return VagrantProvider(lab, home)
    from labctl.providers.nspawn import NspawnProvider

    return NspawnProvider(lab, home)
