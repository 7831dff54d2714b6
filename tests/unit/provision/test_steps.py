"""The steps are the sections of the book in its order, followed by labctl's own steps."""

from __future__ import annotations

import pytest

from labctl.errors import WrongUsage
from labctl.lab import Lab, LabFile, load_edition
from labctl.managed import ManagedFile
from provision.step import Scene, Step
from provision.steps import STEPS, book_steps, find_step, steps_of
from tests.books import LAB

ORDER = [
    "dns",
    "packages",
    "postfix",
    "firewall",
    "boot-order",
    "smtp-auth",
    "accounts",
    "aliases",
    "mail-command",
    "dovecot",
    "thunderbird",
    "autoconfig",
]


def test_the_steps_stand_in_the_books_order() -> None:
    assert [step.name for step in STEPS] == ORDER
    # Only the book's sections are graded by default.
    assert [step.name for step in book_steps(LAB)] == ORDER[:-2]


def test_checkpoints_follow_the_steps_that_reach_them() -> None:
    assert {step.name: step.checkpoint for step in STEPS if step.checkpoint} == {
        "dns": "dns",
        "packages": "packages",
        "autoconfig": "ready",
    }
    assert STEPS[-1].checkpoint == "ready"


def test_the_package_sets_are_installed_by_two_steps() -> None:
    assert {step.name: step.packages for step in STEPS if step.packages} == {
        "dns": "dns",
        "packages": "mail",
    }


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_requires_only_steps_that_there_are(step: Step) -> None:
    assert set(step.requires) <= set(ORDER) - {step.name}


def test_no_step_requires_itself_by_a_detour() -> None:
    settled: set[str] = set()
    while waiting := [step for step in STEPS if step.name not in settled]:
        ready = {step.name for step in waiting if set(step.requires) <= settled}
        assert ready, f"in a circle: {[step.name for step in waiting]}"
        settled |= ready


def test_a_step_is_found_by_name() -> None:
    found = find_step("smtp-auth", LAB)
    assert found == steps_of(LAB)[5]
    assert found.name == "smtp-auth"


def test_an_unknown_step_is_answered_with_those_there_are() -> None:
    with pytest.raises(WrongUsage) as caught:
        find_step("smtp_auth", LAB)
    assert "smtp-auth" in str(caught.value.hint)
    assert caught.value.exit_code == 2


def applying(host: str, **choices: object) -> list[str]:
    edition = load_edition("ubuntu-example")
    lab = Lab(name="lab", edition=edition, choices=LabFile.model_validate(choices))
    return [step.name for step in STEPS if step.applies_to(Scene(lab, lab.host(host), ()))]


def test_only_dns_is_for_the_host_without_mail() -> None:
    assert applying("host0", dns="parent") == ["dns"]
    assert applying("host1") == applying("host2") == [n for n in ORDER if n != "thunderbird"]


def test_thunderbird_is_for_the_first_host_of_a_lab_that_asks_for_it() -> None:
    assert applying("host1", extras=["thunderbird"]) == ORDER
    assert "thunderbird" not in applying("host2", extras=["thunderbird"])


def written_by_all(scene: Scene) -> list[ManagedFile]:
    return [file for step in STEPS for file in step.files(scene)]


@pytest.mark.parametrize("dns", ["peers", "parent"])
def test_no_two_steps_write_the_same_file(dns: str) -> None:
    lab = Lab(
        name="lab",
        edition=load_edition("ubuntu-example"),
        choices=LabFile.model_validate({"dns": dns}),
    )
    paths = [file.path for file in written_by_all(Scene(lab, lab.mail_hosts[0], ()))]
    assert len(paths) == len(set(paths))
