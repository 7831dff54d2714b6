"""The checks as a whole: each provider has one list, and its codes are what it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.errors import LabError, MachineLacks, WrongUsage
from labctl.health import Diagnosis, Verdict, found, lacking
from labctl.home import LabHome
from labctl.lab import Lab, LabFile, load_edition
from labctl.machine import Machine
from labctl.providers.checks import Check, ensure, run_checks
from labctl.providers.examine import examine
from labctl.providers.registry import provider_class, provider_names
from tests.fakes.machine import OtherMachine

LAB = Lab(name="default", edition=load_edition("ubuntu-example"))
HOME = LabHome(name="default", state=Path("/nowhere/state"), cache=Path("/nowhere/cache"))
SYSTEMS = [OtherMachine(), OtherMachine(system="darwin"), OtherMachine(system="win32")]


@pytest.mark.parametrize("name", provider_names())
@pytest.mark.parametrize("machine", SYSTEMS, ids=lambda machine: machine.system)
def test_each_diagnosis_has_the_code_of_its_check(name: str, machine: OtherMachine) -> None:
    if (name, machine.system) == ("nspawn", "linux"):
        pytest.importorskip("pwd")
    checks = provider_class(name)(LAB, HOME).checks()
    codes = [check.code for check in checks]
    assert len(codes) == len(set(codes))
    told = [diagnosis.code for diagnosis in run_checks(checks, machine)]
    assert told == [code for code in codes if code in told]
    assert told


@pytest.mark.posix
def test_the_doctor_asks_all_providers_or_one() -> None:
    every = examine(LAB, HOME, OtherMachine())
    assert [health.provider for health in every.providers] == list(provider_names())
    one = examine(LAB, HOME, OtherMachine(), only="nspawn")
    assert [health.provider for health in one.providers] == ["nspawn"]
    with pytest.raises(WrongUsage):
        examine(LAB, HOME, OtherMachine(), only="docker")


@pytest.mark.posix
def test_a_provider_that_the_edition_does_not_fit_lacks_just_that() -> None:
    edition = LAB.edition.model_copy(update={"providers": {}})
    lab = Lab(name="default", edition=edition)
    health = examine(lab, HOME, OtherMachine())
    vagrant = next(each for each in health.providers if each.provider == "vagrant")
    (said,) = vagrant.diagnoses
    assert (said.code, said.verdict) == ("options", Verdict.LACKING)
    assert "the edition ubuntu-example does not fit the provider vagrant" in said.what
    assert said.why
    # The keys that there are.
    assert "box" in str(said.mend)
    # The others are asked all the same.
    others = [each for each in health.providers if each is not vagrant]
    assert len(others) == len(provider_names()) - 1
    assert all(said.code != "options" for each in others for said in each.diagnoses)


@pytest.mark.posix
def test_the_doctor_names_the_keys_that_a_provider_does_not_use() -> None:
    lab = Lab(name="default", edition=LAB.edition, choices=LabFile.model_validate({"cpus": 2}))
    told = {each.provider: each.ignored for each in examine(lab, HOME, OtherMachine()).providers}
    having = {
        name for name in provider_names() if "cpus" in provider_class(name).Options.model_fields
    }
    assert "vagrant" in having and "nspawn" not in having
    assert told == {name: () if name in having else ("cpus",) for name in provider_names()}


@pytest.mark.posix
def test_the_doctor_says_which_system_it_looked_at() -> None:
    for machine in SYSTEMS:
        assert examine(LAB, HOME, machine).system == machine.system


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
