"""How the provider of a lab is chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labctl.errors import MachineLacks, WrongUsage
from labctl.home import LabHome
from labctl.lab import Lab, LabFile, load_edition
from labctl.providers.choose import choose, make_provider
from tests.fakes.machine import OtherMachine

EDITION = load_edition("ubuntu-example")
HOME = LabHome(name="default", state=Path("/nowhere/state"), cache=Path("/nowhere/cache"))
LAB = Lab(name="default", edition=EDITION)
SAYS_NSPAWN = Lab(name="default", edition=EDITION, choices=LabFile(provider="nspawn"))


WITH_VIRTUALBOX = OtherMachine()
NOTHING = OtherMachine(programs=())


def test_the_command_line_comes_first() -> None:
    choice = choose("vagrant", SAYS_NSPAWN, "nspawn", WITH_VIRTUALBOX)
    assert (choice.name, choice.reason) == ("vagrant", "requested with --provider")


def test_then_the_lab_file() -> None:
    choice = choose(None, SAYS_NSPAWN, "vagrant", WITH_VIRTUALBOX)
    assert (choice.name, choice.reason) == ("nspawn", "set in the lab file")


def test_then_what_the_lab_was_made_with() -> None:
    assert choose(None, LAB, "nspawn", WITH_VIRTUALBOX).name == "nspawn"


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_then_virtualbox_if_it_is_installed(system: str) -> None:
    machine = replace(WITH_VIRTUALBOX, system=system, is_root=system == "linux")
    choice = choose(None, LAB, None, machine)
    assert (choice.name, choice.reason) == ("vagrant", "VirtualBox is installed")


def test_then_containers_on_linux_as_root() -> None:
    assert choose(None, LAB, None, replace(NOTHING, is_root=True)).name == "nspawn"


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_else_the_doctor_is_the_next_command(system: str) -> None:
    with pytest.raises(MachineLacks) as caught:
        choose(None, LAB, None, replace(NOTHING, system=system))
    assert caught.value.hint.commands == (("labctl", "doctor"),)


@pytest.mark.parametrize(("system", "told"), [("linux", True), ("darwin", False), ("win32", False)])
def test_whoever_forgot_sudo_on_linux_is_told(system: str, told: bool) -> None:
    with pytest.raises(MachineLacks) as caught:
        choose(None, LAB, None, replace(NOTHING, system=system))
    assert bool(caught.value.cause) is told
    assert ("sudo" in caught.value.hint.text) is told


def test_an_unknown_provider_is_told_the_known_ones() -> None:
    for ask in (lambda: choose("docker", LAB, None), lambda: make_provider("docker", LAB, HOME)):
        with pytest.raises(WrongUsage) as caught:
            ask()
        assert "vagrant, nspawn" in str(caught.value.hint)
