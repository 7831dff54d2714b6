"""Settings that differ from the book in form and mean the same to the servers."""

from __future__ import annotations

import pytest

from labctl.credentials import Credentials
from labctl.lab import Lab, load_edition
from provision.facts import Facts
from provision.postfix_check import _settings
from provision.saslauthd import start_missing
from provision.step import Scene, Target

LAB = Lab(name="default", edition=load_edition("ubuntu-example"))


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        (["yes"], False),
        (['"yes"'], False),
        (["yes  # at boot"], False),
        (["no", "yes"], False),
        (["yes", "no"], True),
        (["yes", ""], True),
        (["no"], True),
        (["yesno"], True),
        ([], True),
    ],
)
def test_saslauthds_switch_is_read_as_its_start_script_does(
    lines: list[str], missing: bool
) -> None:
    facts = Facts({"wants-start": ["yes"], "start": lines})
    assert start_missing(facts) is missing


@pytest.mark.parametrize(("value", "ok"), [("yes", True), ("Yes", True), ("no", False)])
def test_postfix_takes_a_yes_in_any_letters(value: str, ok: bool) -> None:
    name = "smtpd_sasl_auth_enable"
    facts = Facts({name: [value], "set": [name]})
    scene = Scene(LAB, LAB.host("host1"), ())
    # The settings are judged by recorded facts, without a host.
    target = Target(scene, remote=None, credentials=Credentials(passwords={}))  # type: ignore[arg-type]
    (found,) = (each for each in _settings(target, facts) if each.code == f"postfix.{name}")
    assert found.ok is ok
