"""The checks as a whole: each provider has one list, and its codes are what it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.diagnosis import Diagnosis, Verdict, found, lacking
from labctl.errors import LabError, MachineLacks, WrongUsage
from labctl.home import LabHome
from labctl.lab import Lab, load_edition
from labctl.machine import Machine
from labctl.providers.checks import Check, ensure, run_checks
from labctl.providers.examine import examine
from labctl.providers.registry import provider_class, provider_names
from tests.unit.doctor.other_machine import OtherMachine

LAB = Lab(name="default", edition=load_edition("ubuntu-example"))
HOME = LabHome(name="default", state=Path("/nowhere/state"), cache=Path("/nowhere/cache"))
SYSTEMS = [OtherMachine(), OtherMachine(system="darwin"), OtherMachine(system="win32")]


@pytest.mark.parametrize("name", provider_names())
@pytest.mark.parametrize("machine", SYSTEMS, ids=lambda machine: machine.system)
def test_each_diagnosis_has_the_code_of_its_check(name: str, machine: OtherMachine) -> None:
    checks = provider_class(name)(LAB, HOME).checks()
    codes = [check.code for check in checks]
    assert len(codes) == len(set(codes))
    told = [diagnosis.code for diagnosis in run_checks(checks, machine)]
    assert told == [code for code in codes if code in told]
    assert told


def test_the_doctor_asks_all_providers_or_one() -> None:
    every = examine(LAB, HOME, OtherMachine())
    assert [health.provider for health in every.providers] == list(provider_names())
    one = examine(LAB, HOME, OtherMachine(), only="nspawn")
    assert [health.provider for health in one.providers] == ["nspawn"]
    with pytest.raises(WrongUsage):
        examine(LAB, HOME, OtherMachine(), only="docker")


def asks(code: str, answer: Diagnosis | Exception, **more: object) -> Check:
    def look(_machine: Machine) -> Diagnosis:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Check(code, look, **more)  # type: ignore[arg-type]


def test_ensure_raises_the_first_quick_thing_that_is_lacking() -> None:
    slow = asks("slow", lacking("slow", "slow", "why", "mend"), quick=False)
    good = asks("good", found("good", "good"))
    first, second = (asks(code, lacking(code, code, "why", "mend")) for code in ("one", "two"))
    ensure([slow, good], OtherMachine())
    with pytest.raises(MachineLacks) as caught:
        ensure([slow, good, first, second], OtherMachine())
    assert (caught.value.message, caught.value.cause) == ("one", "why")
    assert str(caught.value.hint) == "mend"


@pytest.mark.parametrize("error", [LabError("broken"), OSError(5, "broken")])
def test_what_cannot_be_asked_is_unknown_and_stops_nothing(error: Exception) -> None:
    checks = [asks("it", error)]
    (said,) = run_checks(checks, OtherMachine())
    assert (said.code, said.verdict, said.what) == ("it", Verdict.UNKNOWN, "broken")
    ensure(checks, OtherMachine())


def test_a_question_that_makes_no_sense_on_this_system_is_not_asked() -> None:
    check = asks("it", found("it", "it"), systems=("linux",))
    assert run_checks([check], OtherMachine(system="win32")) == ()
    assert len(run_checks([check], OtherMachine())) == 1
