"""From a behaviour that fails to its cause: the facts of two hosts in, one finding out.

`data/causes.yaml` has the facts of right hosts and cases that change them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from labctl.lab import load_lab
from provision import behaviour
from provision.behaviour import Evidence, Seen
from provision.causes import Case, Cause, Explanation, first_cause
from provision.explanations import EXPLANATIONS, UNKNOWN_CODES
from provision.facts import Facts
from provision.step import Scene

DATA = yaml.safe_load((Path(__file__).parent / "data" / "causes.yaml").read_text("utf-8"))
RIGHT: Mapping[str, Sequence[str]] = DATA["right"]
CASES = {
    f"{kind}: {case['name']}": (kind, case)
    for kind, cases in DATA["cases"].items()
    for case in cases
}
LAB = load_lab("default")
# Too small for a size, and unknown as any other value.
ODD = "5000"


def facts(changes: Mapping[str, Sequence[str]], without: Sequence[str] = ()) -> Facts:
    """Those of a right host with values added. Of two modes or services the added one counts."""
    found = {key: list(values) for key, values in RIGHT.items() if key not in without}
    for key, values in changes.items():
        found[key] = (
            [*values, *found.get(key, [])] if key == "mode" else [*found.get(key, []), *values]
        )
    return Facts(found)


def host_of(name: str, known: Facts, case: Mapping[str, Any]) -> Evidence:
    mail = {key: text.split("\n") for key, text in case.get("mail", {}).items()}
    asked = {key: [text] for key, text in case.get("asked", {}).items()}
    return Evidence(Scene(LAB, LAB.host(name), ()), known, Facts(mail), Facts(asked))


def cause_of(kind: str, case: Mapping[str, Any]) -> Cause:
    name = getattr(behaviour, kind)
    seen = Seen("host1", name, False, case.get("sees", ""), tuple(case.get("log", ())))
    own = host_of("host1", facts(case.get("own", {}), case.get("without", ())), case)
    other = facts(case.get("peer", {}), case.get("peer-without", ()))
    return first_cause(
        Case(seen, own, host_of("host2", other, {})), EXPLANATIONS[name], UNKNOWN_CODES[name]
    )


@pytest.mark.parametrize("case", CASES)
def test_a_cause_is_told_with_what_was_found(case: str) -> None:
    kind, said = CASES[case]
    cause = cause_of(kind, said)
    assert f"{cause.host}: {cause.finding.code}" == said["cause"]
    assert cause.finding.found == said["found"]
    assert cause.finding.solution == said.get("solution", cause.finding.solution)
    assert cause.step == cause.finding.code.partition(".")[0]
    assert not cause.finding.ok


def parameters() -> list[tuple[str, Explanation]]:
    """The explanations that have no case: each is one parameter of main.cf. By behaviour."""
    told = {case["cause"].partition(": ")[2] for _kind, case in CASES.values()}
    return [
        (kind, each)
        for kind in DATA["cases"]
        for each in EXPLANATIONS[getattr(behaviour, kind)]
        if each.code not in told and "{" not in each.code
    ]


@pytest.mark.parametrize(
    ("kind", "explanation"), parameters(), ids=lambda each: getattr(each, "code", each)
)
def test_a_parameter_that_the_book_does_not_set_is_told(
    kind: str, explanation: Explanation
) -> None:
    name = explanation.code.removeprefix("postfix.")
    where = "peer" if explanation.at_peer else "own"
    cause = cause_of(kind, {where: {"set": [f"{name} = {ODD}"]}})
    assert cause.finding.code == explanation.code
    assert cause.finding.found == ODD
    assert cause.finding.solution == f"postconf -X {name}"
    assert cause.host == ("host2" if explanation.at_peer else "host1")


def test_one_host_alone_has_no_cause_on_the_other() -> None:
    name = behaviour.OUTBOUND
    case = Case(Seen("host1", name, False, "timed out"), host_of("host1", facts({}), {}))
    cause = first_cause(case, EXPLANATIONS[name], UNKNOWN_CODES[name])
    assert cause.finding.code == "mail-command.outbound.unknown"


def test_the_causes_that_were_ruled_out_are_told_once_each() -> None:
    cause = cause_of("LOCAL", {"own": {"missing-map": ["hash:/x"]}})
    assert {"mail-command.delivery", "aliases.account"} < set(cause.rejected)
    assert len(set(cause.rejected)) == len(cause.rejected)
    by_alias = cause_of("LOCAL", {"own": {"account-alias": ["root"]}})
    assert "accounts.mailbox-full" not in by_alias.rejected
    assert "postfix.*" in cause_of("LOCAL", {"sees": "x"}).rejected
