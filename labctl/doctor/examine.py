"""The examination itself: every check of every provider, in parallel, for they mostly wait."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from labctl.diagnosis import Diagnosis, Health, ProviderHealth, Verdict
from labctl.doctor import nspawn, vagrant
from labctl.errors import MachineLacks
from labctl.lab import Lab
from labctl.machine import Machine


def examine(lab: Lab, machine: Machine, only: str | None = None) -> Health:
    """Looks at this machine for all providers, or for one of them."""
    health = [
        ProviderHealth("vagrant", _all(vagrant.ALL, machine, lab)),
        ProviderHealth("nspawn", nspawn.diagnose(machine)),
    ]
    chosen = tuple(each for each in health if only in (None, each.provider))
    return Health(machine.system, chosen)


def _all(checks: Sequence[vagrant.Check], machine: Machine, lab: Lab) -> tuple[Diagnosis, ...]:
    with ThreadPoolExecutor(max_workers=len(checks)) as pool:
        return tuple(pool.map(lambda check: check(machine, lab), checks))


def ensure_vagrant(lab: Lab, machine: Machine) -> None:
    """The part that `up` needs first; raises MachineLacks for the first thing missing."""
    for each in _all(vagrant.QUICK, machine, lab):
        if each.verdict is Verdict.LACKING:
            raise MachineLacks(each.what, cause=each.why, hint=each.mend)
