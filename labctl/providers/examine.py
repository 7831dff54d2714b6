"""What this machine lacks for a lab, asked of every provider."""

from __future__ import annotations

from labctl.errors import LabError
from labctl.health import Health, ProviderHealth, lacking
from labctl.home import LabHome
from labctl.i18n import _
from labctl.lab import Lab
from labctl.machine import Machine
from labctl.providers.checks import run_checks
from labctl.providers.registry import provider_class, provider_names
from labctl.providers.settings import ignored_keys


def examine(lab: Lab, home: LabHome, machine: Machine, only: str | None = None) -> Health:
    """Run the checks of all providers, or of the provider called `only`.

    Raises:
        WrongUsage: There is no provider called `only`.
    """
    names = provider_names() if only is None else (only,)
    return Health(machine.system, tuple(_of_one(name, lab, home, machine) for name in names))


def _of_one(name: str, lab: Lab, home: LabHome, machine: Machine) -> ProviderHealth:
    made = provider_class(name)
    try:
        checks = made(lab, home).checks()
    except LabError as error:
        # The edition or the lab file has nothing that this provider can work with.
        why = _("the provider cannot work with this lab")
        return ProviderHealth(name, (lacking("options", str(error), why, error.hint),))
    return ProviderHealth(name, run_checks(checks, machine), ignored_keys(name, lab))
