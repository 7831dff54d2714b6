"""Each check without a host: the facts that its scripts report in, findings out.

`data/check/STEP.yaml` has the facts of a right host, as they were recorded, and cases that change
one thing. A case names every finding that must be wrong; all others must be right. `told` has what
a person is told of a wrong finding: what labctl expects, and the solution. `solve` has the solution
if it depends on the case, and `remarks` what is remarked on right findings. `system` is the code
name of the host's release, if it matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pydantic import SecretStr

from labctl.credentials import Credentials
from labctl.lab import Lab, LabFile, load_edition
from labctl.remote import Remote
from labctl.results import Finding
from labctl.system import CODE_NAMES
from provision.step import Scene, Target
from provision.steps import STEPS, find_step
from tests.fakes.host import FakeHost, FakeRemote
from tests.unit.provision.servers import (
    Http,
    Imap,
    Network,
    Pop3,
    Server,
    Smtp,
    silent_server,
)

DATA = Path(__file__).parent / "data" / "check"
SERVERS = {"smtp": (25, Smtp), "imap": (143, Imap), "pop3": (110, Pop3)}
# What a case may set beside the facts.
CHANGEABLE = {"letter", "outside", "outside-udp", "pages"}
OPEN = (22, 25, 53, 80, 110, 143)


@dataclass(frozen=True)
class Case:
    """One host. `host` is the base of the file with the changes of the case in it."""

    step: str
    name: str
    host: Mapping[str, Any]
    wrong: Mapping[str, str | None]
    codes: tuple[str, ...] | None
    solve: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, list[str]] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)


def cases() -> list[Case]:
    """The right host of each file, and its cases."""
    found = []
    for path in sorted(DATA.glob("*.yaml")):
        data = yaml.safe_load(path.read_text("utf-8"))
        step, right = data["step"], {"system": data.get("system"), **data["right"]}
        found.append(Case(step, f"{path.stem}: a right host", right, {}, tuple(data["codes"])))
        for case in data["cases"]:
            host = {**right, **{key: case[key] for key in CHANGEABLE & case.keys()}}
            host["servers"] = {**right.get("servers", {}), **case.get("servers", {})}
            host["says"] = changed(right["says"], case, path.name)
            name = f"{path.stem}: {case['name']}"
            codes = tuple(case["codes"]) if "codes" in case else None
            told, solve = data.get("told", {}), case.get("solve", {})
            remarks = case.get("remarks", {})
            found.append(Case(step, name, host, case.get("wrong", {}), codes, solve, told, remarks))
    return found


def changed(says: Mapping[str, str], case: Mapping[str, Any], where: str) -> dict[str, str]:
    """The facts with the changes of a case: `says` replaces, `edit` changes text in place."""
    result = {**says, **case.get("says", {})}
    for script, edits in case.get("edit", {}).items():
        for old, new in edits.items():
            # "" appends; anything else must be there.
            assert old in result[script], f"{where}: {case['name']}: {old!r}"
            result[script] = result[script].replace(old, new) if old else result[script] + new
    return result


def server_of(name: str, options: Mapping[str, Any]) -> tuple[int, Server]:
    port, kind = SERVERS[name]
    return port, cast(Server, kind(**options))


def target_of(case: Case, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A host that answers as the case says."""
    lab = Lab(
        name="lab",
        edition=load_edition("ubuntu-example"),
        choices=LabFile.model_validate({"dns": "parent" if "parent" in case.host else "peers"}),
    )
    host = FakeHost(case.host.get("host", "host1"))
    host.says("log-tail.sh", stdout="log\ta line of the log\n")
    host.says("sasl-type.sh", stdout="type\tcyrus\n")
    host.says("master-cf-unread.sh")
    for script, stdout in case.host["says"].items():
        host.says(script, stdout=stdout)
    network = Network(dict.fromkeys(OPEN, silent_server), {53: "open"})
    for name, options in case.host.get("servers", {}).items():
        if options is not None:
            port, server = server_of(name, options)
            host.listening[port] = network.tcp[port] = server
    network.tcp.update(case.host.get("outside", {}))
    network.udp.update(case.host.get("outside-udp", {}))
    if "pages" in case.host:
        network.tcp[80] = Http({path: tuple(page) for path, page in case.host["pages"].items()})
    scene = Scene(lab, lab.host(host.name), ())
    if name := case.host["system"]:
        scene = replace(scene, system=CODE_NAMES[name])
    network.install(monkeypatch, str(scene.host.address))
    passwords = {f"user{number}": SecretStr(f"secret-{number}") for number in (1, 2)}
    remote = cast(Remote, FakeRemote(host))
    letter = case.host.get("letter", "")
    return Target(scene, remote, Credentials(passwords=passwords), letter=letter)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_check_finds_exactly_what_is_wrong(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    target = target_of(case, monkeypatch)
    findings = list(find_step(case.step, target.lab).check(target))
    wrong = {finding.code: finding.found for finding in findings if not finding.ok}
    remarks = {finding.code: finding.remark for finding in findings}
    assert {code: remarks[code] for code in case.remarks} == case.remarks
    # None in a case stands for any text.
    assert wrong == {code: text or wrong.get(code) for code, text in case.wrong.items()}
    solutions = {finding.code: finding.solution for finding in findings}
    assert {code: solutions[code] for code in case.solve} == case.solve
    told = {each.code: [each.expected, each.solution] for each in findings if not each.ok}
    usual = {code: each for code, each in case.told.items() if code not in case.solve}
    assert told == {**told, **{code: usual[code] for code in usual if code in told}}
    if case.codes is not None:
        assert tuple(finding.code for finding in findings) == case.codes
    for finding in findings:
        assert_complete(finding)


def assert_complete(finding: Finding) -> None:
    """A person needs all of these."""
    assert finding.what and finding.found and finding.expected
    assert finding.hint and finding.solution


def test_every_step_has_cases() -> None:
    assert {case.step for case in cases()} == {step.name for step in STEPS}
