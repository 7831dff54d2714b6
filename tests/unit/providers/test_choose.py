"""Who decides which provider a lab gets."""

from __future__ import annotations

import os
import sys

import pytest

from labctl.errors import MachineLacks, WrongUsage
from labctl.lab import Lab, LabFile, load_edition
from labctl.providers import choose as module
from labctl.providers.choose import choose

EDITION = load_edition("ubuntu-example")
LAB = Lab(name="default", edition=EDITION)
SAYS_NSPAWN = Lab(name="default", edition=EDITION, choices=LabFile(provider="nspawn"))


@pytest.fixture
def virtualbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "vboxmanage", lambda: "/usr/bin/VBoxManage")


@pytest.fixture
def no_virtualbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "vboxmanage", lambda: None)


def system(monkeypatch: pytest.MonkeyPatch, name: str, uid: int | None) -> None:
    monkeypatch.setattr(sys, "platform", name)
    if uid is None:
        monkeypatch.delattr(os, "geteuid", raising=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: uid, raising=False)


@pytest.mark.usefixtures("virtualbox")
def test_the_command_line_comes_first() -> None:
    choice = choose("vagrant", SAYS_NSPAWN, "nspawn")
    assert (choice.name, choice.reason) == ("vagrant", "asked for by --provider")


@pytest.mark.usefixtures("virtualbox")
def test_then_the_lab_file() -> None:
    choice = choose(None, SAYS_NSPAWN, "vagrant")
    assert (choice.name, choice.reason) == ("nspawn", "the lab file says so")


@pytest.mark.usefixtures("virtualbox")
def test_then_what_the_lab_was_made_with() -> None:
    assert choose(None, LAB, "nspawn").name == "nspawn"


@pytest.mark.usefixtures("virtualbox")
@pytest.mark.parametrize("name", ["linux", "darwin", "win32"])
def test_then_virtualbox_where_it_is_installed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    system(monkeypatch, name, 0 if name == "linux" else None)
    choice = choose(None, LAB, None)
    assert (choice.name, choice.reason) == ("vagrant", "VirtualBox is installed")


@pytest.mark.usefixtures("no_virtualbox")
def test_then_containers_on_linux_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch, "linux", 0)
    assert choose(None, LAB, None).name == "nspawn"


@pytest.mark.usefixtures("no_virtualbox")
@pytest.mark.parametrize(("name", "uid"), [("linux", 1000), ("darwin", 501), ("win32", None)])
def test_else_the_doctor_is_the_next_command(
    monkeypatch: pytest.MonkeyPatch, name: str, uid: int | None
) -> None:
    system(monkeypatch, name, uid)
    with pytest.raises(MachineLacks) as caught:
        choose(None, LAB, None)
    assert str(caught.value.hint) == "labctl doctor"


def test_an_unknown_provider_is_told_the_known_ones() -> None:
    with pytest.raises(WrongUsage) as caught:
        choose("docker", LAB, None)
    assert "vagrant, nspawn" in str(caught.value.hint)
