"""The ways to break a lab: each has its own name, and runs on every system that labctl knows."""

from __future__ import annotations

from typing import cast

import pytest

from labctl.credentials import Credentials
from labctl.drills.actions import Action, command, names_of, perform, script
from labctl.drills.breakages import BREAKAGES, Breakage
from labctl.lab import load_lab
from labctl.remote import Remote
from labctl.scripts import Script
from labctl.system import DEBIAN_12, System
from provision.families import systems
from provision.step import Scene, Target
from provision.steps import STEPS
from tests.fakes.host import FakeHost, FakeRemote
from tests.lab.right_ways import RIGHT_WAYS, RightWay

LAB = load_lab("lab")


def target_of(host: FakeHost, system: System = DEBIAN_12) -> Target:
    scene = Scene(LAB, LAB.host(host.name), (), system)
    return Target(scene, cast(Remote, FakeRemote(host)), Credentials(passwords={}))


@pytest.fixture
def host() -> FakeHost:
    """host2, on which every command succeeds."""
    fake = FakeHost("host2")
    fake.says()
    return fake


def test_the_names_are_unique() -> None:
    assert len({each.name for each in BREAKAGES}) == len(BREAKAGES)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda each: each.name)
def test_the_finding_is_one_of_a_step(breakage: Breakage) -> None:
    steps = {step.name for step in STEPS}
    assert breakage.step in steps


@pytest.mark.parametrize("way", [*BREAKAGES, *RIGHT_WAYS], ids=lambda each: each.name)
def test_every_action_knows_its_names_and_its_script(
    host: FakeHost, way: Breakage | RightWay
) -> None:
    actions = (*way.actions, *way.repair)
    for number, system in enumerate(systems(), 1):
        perform(target_of(host, system), actions)
        assert len(host.ran) == number * len(actions), system
    assert all(action.script.text for action in actions if isinstance(action.script, Script))


def test_a_word_gets_the_names_of_both_hosts(host: FakeHost) -> None:
    perform(
        target_of(host),
        [
            command(["postconf", "-e", "inet_interfaces=localhost, {address}"]),
            script("write.sh", "/home/{user}/.forward", "{peer_user}@{peer_domain}"),
        ],
    )
    assert [ran.words for ran in host.ran] == [
        ("postconf", "-e", "inet_interfaces=localhost, 192.168.56.102"),
        ("write.sh", "/home/user2/.forward", "user1@example1.jp"),
    ]


def test_an_unknown_name_is_an_error_of_the_programmer(host: FakeHost) -> None:
    with pytest.raises(KeyError):
        perform(target_of(host), [Action(("echo", "{nobody}"))])
    assert host.ran == []


def test_the_names_follow_the_system(host: FakeHost) -> None:
    assert names_of(target_of(host).scene)["zone_file"] == "/etc/bind/db.example2.jp"
