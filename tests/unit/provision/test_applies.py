"""Each apply without a host: the files that are there and the scripts' reports in, commands and
changes out.

`data/apply/STEP.yaml` has the files of a step and its cases. `there` are the files that are right
already, `runs` every command in its order, `changes` what the step reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pydantic import SecretStr

from labctl.credentials import Credentials
from labctl.errors import LabError
from labctl.lab import load_lab
from labctl.remote import Remote
from provision.step import Scene, Target
from provision.steps import STEPS, find_step
from tests.fakes.host import FakeHost, FakeRemote

DATA = Path(__file__).parent / "data" / "apply"
LAB = load_lab("lab")
SCENE = Scene(LAB, LAB.host("host1"), ())


@dataclass(frozen=True)
class Case:
    """What a step meets on a host, and what it must do."""

    step: str
    files: tuple[str, ...]
    data: Mapping[str, Any]


def cases() -> list[Case]:
    found = []
    for path in sorted(DATA.glob("*.yaml")):
        data = yaml.safe_load(path.read_text("utf-8"))
        found += [Case(data["step"], tuple(data["files"]), case) for case in data["cases"]]
    return found


def host_of(case: Case) -> FakeHost:
    host = FakeHost("host1")
    for script, stdout in case.data["says"].items():
        host.says(script, stdout=stdout)
    there = case.files if case.data["there"] == "all" else case.data["there"]
    files = {file.path: file for file in find_step(case.step, LAB).files(SCENE)}
    host.files = {path: files[path] for path in there}
    return host


def target_of(host: FakeHost) -> Target:
    credentials = Credentials(passwords={"user1": SecretStr("secret-1")})
    return Target(SCENE, cast(Remote, FakeRemote(host)), credentials)


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.step}: {case.data['name']}")
def test_a_step_does_exactly_what_is_left_to_do(case: Case) -> None:
    host, step = host_of(case), find_step(case.step, LAB)
    changes = step.apply(target_of(host))
    assert [f"{change.kind} {change.subject}" for change in changes] == case.data["changes"]
    assert host.commands() == case.data["runs"]
    # No secret is an argument.
    assert [ran.stdin for ran in host.ran if ran.stdin] == case.data.get("stdin", [])
    assert "secret-1" not in " ".join(host.commands())
    # And the files are as the step wants them.
    assert tuple(file.path for file in step.files(SCENE)) == case.files
    assert host.files == {file.path: file for file in step.files(SCENE)}


def test_every_step_has_cases() -> None:
    assert {case.step for case in cases()} == {step.name for step in STEPS}


def test_a_script_that_fails_is_told_in_the_systems_words() -> None:
    host = FakeHost("host1")
    host.says(
        "postfix.sh",
        status=1,
        stdout="changed\tenabled\tpostfix\n",
        stderr="failed\tstart\tpostfix@-\nbecause\tpostconf: fatal: line 138: bad field count\n",
    )
    with pytest.raises(LabError) as caught:
        find_step("postfix", LAB).apply(target_of(host))
    assert caught.value.message == "postfix@- cannot be started on host1"
    assert caught.value.cause == "postconf: fatal: line 138: bad field count"
