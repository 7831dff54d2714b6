"""The checks of a machine: one list per provider, run by `doctor` and by every `up`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labctl.errors import LabError, MachineLacks
from labctl.health import Diagnosis, Verdict, unknown
from labctl.machine import Machine
from labctl.parallel import on_each


@dataclass(frozen=True)
class Check:
    """One thing that a provider needs of a machine.

    `code` names it and is the code of the diagnosis that `look` returns; `look` returns None if
    the question makes no sense on the machine. `up` runs the `quick` checks first each time.
    `systems` are the values of sys.platform on which the question makes sense; if there are none,
    it makes sense everywhere.
    """

    code: str
    look: Callable[[Machine], Diagnosis | None]
    quick: bool = True
    systems: tuple[str, ...] = ()


def run_checks(checks: Sequence[Check], machine: Machine) -> tuple[Diagnosis, ...]:
    """Ask a machine everything that makes sense on its system, in parallel: checks mostly wait.

    Returns:
        The diagnoses in the order of the checks. A check that raises is told as "unknown".
    """
    asked = [check for check in checks if not check.systems or machine.system in check.systems]
    told = on_each(asked, lambda check: _diagnosis(check, machine))
    return tuple(each for each in told if each is not None)


def ensure(checks: Sequence[Check], machine: Machine) -> None:
    """Run the quick checks.

    Raises:
        MachineLacks: The first thing that the machine lacks, and what mends it.
    """
    for each in run_checks([check for check in checks if check.quick], machine):
        if each.verdict is Verdict.LACKING:
            raise MachineLacks(each.what, cause=each.why, hint=each.mend)


def _diagnosis(check: Check, machine: Machine) -> Diagnosis | None:
    try:
        return check.look(machine)
    except LabError as error:
        return unknown(check.code, str(error))
    except OSError as error:
        return unknown(check.code, str(error.strerror or error))
