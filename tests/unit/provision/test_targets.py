"""What a step knows of its host, and how long it may ask."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labctl.credentials import Credentials
from labctl.errors import CommandFailed
from labctl.managed import ManagedFile
from labctl.results import ChangeKind
from labctl.scripts import Script
from labctl.system import CODE_NAMES
from provision import patience
from provision.facts import ask
from provision.patience import Deadline
from provision.step import target_on
from tests.fakes.host import FakeHost, FakeRemote
from tests.fakes.target import fake_target

SCRIPT = Script("provision", "dns-check.sh")


@pytest.mark.parametrize("name", ["bookworm", "trixie"])
def test_the_system_is_the_one_that_the_host_itself_names(name: str) -> None:
    host = FakeHost("host1")
    system = CODE_NAMES[name]
    host.says("cat", "/etc/os-release", stdout=f'ID={system.id}\nVERSION_ID="{system.version}"\n')
    scene = fake_target(host).scene
    assert target_on(scene, FakeRemote(host), Credentials(passwords={})).scene.system == system


def test_a_host_that_names_no_system_has_the_editions() -> None:
    host = FakeHost("host1")
    scene = fake_target(host).scene
    target = target_on(scene, FakeRemote(host), Credentials(passwords={}))
    assert target.scene.system == scene.system
    assert target.host.name == "host1"


def test_only_files_that_differ_are_reported_as_written() -> None:
    host = FakeHost("host1")
    target = fake_target(host)
    one, two = ManagedFile("/etc/one", "1"), ManagedFile("/etc/two", "2")
    target.install([one])
    written = target.install([one, two])
    assert [(each.kind, each.subject) for each in written] == [(ChangeKind.WROTE, "/etc/two")]


def test_facts_are_lines_of_a_key_a_tab_and_a_value() -> None:
    host = FakeHost("host1")
    host.says("dns-check.sh", stdout="named\tactive\nlisten\t53\nlisten\t953\nempty\t\n")
    facts = ask(fake_target(host), SCRIPT, "word")
    assert facts["named"] == "active"
    assert facts.lines("listen") == ["53", "953"]
    assert (facts.lines("empty"), facts.lines("other"), facts["other"]) == ([""], [], "")
    assert (facts.number("listen"), facts.number("named"), facts.number("other")) == (0, 0, 0)
    assert host.ran[-1].words == ("dns-check.sh", "word")


@pytest.mark.parametrize(
    ("left", "own", "takes", "is_told"),
    [(10, 0, 9, True), (10, 0, 11, False), (-1, 5, 4, True), (-1, 5, 6, False), (-1, 0, 4, False)],
)
def test_a_script_has_what_is_left_of_the_check_and_at_least_its_own_time(
    monkeypatch: pytest.MonkeyPatch, left: float, own: float, takes: float, is_told: bool
) -> None:
    # On a busy machine everything takes longer.
    for name in ("_busy_now", "_busy_lately"):
        monkeypatch.setattr(patience, name, lambda: 1.0)
    host = FakeHost("host1")
    host.says("dns-check.sh", stdout="named\tactive\n", seconds=takes)
    target = replace(fake_target(host), ends=Deadline(left))
    if is_told:
        assert ask(target, SCRIPT, seconds=own)["named"] == "active"
    else:
        with pytest.raises(CommandFailed):
            ask(target, SCRIPT, seconds=own)


def test_without_a_deadline_a_script_may_take_its_time() -> None:
    host = FakeHost("host1")
    host.says("dns-check.sh", stdout="named\tactive\n", seconds=100)
    assert ask(fake_target(host), SCRIPT)["named"] == "active"
