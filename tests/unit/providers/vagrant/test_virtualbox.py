"""What labctl asks VirtualBox itself, and its answers as VBoxManage gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import CommandFailed
from labctl.providers.vagrant import virtualbox
from labctl.run import Completed
from tests.fakes.machine import OtherMachine

LISTING = (
    '"labctl-default-host1" {6f2a0d3c-1111-4222-8333-444455556666}\n'
    '"labctl-other-host1" {7f2a0d3c-1111-4222-8333-444455556666}\n'
    '"<inaccessible>" {8f2a0d3c-1111-4222-8333-444455556666}\n'
)


class VBoxManage:
    """Stands for labctl.run. `locked`: so many calls of `unregistervm` and `discardstate` fail."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.locked = 0

    def run(self, argv: Sequence[str], *, check: bool = True) -> Completed:
        assert argv[0] == "VBoxManage"
        self.asked.append(" ".join(argv[1:]))
        if argv[1] in ("unregistervm", "discardstate") and self.locked:
            self.locked -= 1
            raise CommandFailed("VBoxManage", 1, "already locked for a session")
        if argv[1] == "controlvm":
            assert not check, "it may be off"
        listed = LISTING if argv[1:] == ["list", "vms"] else ""
        return Completed(tuple(argv), 0, listed, "")


@pytest.fixture
def manage(monkeypatch: pytest.MonkeyPatch) -> VBoxManage:
    found = VBoxManage()
    monkeypatch.setattr(virtualbox, "run", found.run)
    monkeypatch.setattr(virtualbox, "ThisMachine", OtherMachine)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)
    return found


def test_machines_are_found_by_their_name(manage: VBoxManage) -> None:
    wanted = {"labctl-default-host1", "labctl-default-host2"}
    assert virtualbox.machines_called(wanted) == {
        "labctl-default-host1": "6f2a0d3c-1111-4222-8333-444455556666"
    }


def test_without_virtualbox_there_is_no_machine(
    manage: VBoxManage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtualbox, "ThisMachine", lambda: OtherMachine(programs=()))
    assert virtualbox.machines_called({"labctl-default-host1"}) == {}
    assert manage.asked == []


@pytest.mark.parametrize("locked", [0, 1])
def test_a_machine_loses_its_power_and_its_disks(manage: VBoxManage, locked: int) -> None:
    """VirtualBox holds it for some seconds after its power was cut."""
    manage.locked = locked
    virtualbox.remove_machine("6f2a")
    assert manage.asked == [
        "controlvm 6f2a poweroff",
        *["unregistervm 6f2a --delete"] * (locked + 1),
    ]


def test_a_machine_that_stays_locked_is_an_error(
    manage: VBoxManage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtualbox, "UNLOCK_SECONDS", 0)
    manage.locked = 100
    with pytest.raises(CommandFailed):
        virtualbox.remove_machine("6f2a")
    with pytest.raises(CommandFailed):
        virtualbox.discard_state("6f2a")


def test_saved_memory_is_discarded_once_the_machine_is_free(manage: VBoxManage) -> None:
    manage.locked = 1
    virtualbox.discard_state("6f2a")
    assert manage.asked == ["discardstate 6f2a"] * 2


WINDOWS = OtherMachine(system="win32", programs=())


@pytest.mark.parametrize(
    ("machine", "path"),
    [
        (OtherMachine(), "VBoxManage"),
        (OtherMachine(programs=()), None),
        (WINDOWS, None),
        (
            replace(WINDOWS, files={r"C:\Program Files\Oracle\VirtualBox\VBoxManage.exe": ""}),
            r"C:\Program Files\Oracle\VirtualBox\VBoxManage.exe",
        ),
        (
            replace(
                WINDOWS,
                variables={"PROGRAMFILES": r"D:\Programs"},
                files={r"D:\Programs\Oracle\VirtualBox\VBoxManage.exe": ""},
            ),
            r"D:\Programs\Oracle\VirtualBox\VBoxManage.exe",
        ),
        (
            replace(
                WINDOWS,
                variables={"VBOX_MSI_INSTALL_PATH": "E:\\VB\\"},
                files={r"E:\VB\VBoxManage.exe": ""},
            ),
            r"E:\VB\VBoxManage.exe",
        ),
        (
            replace(
                WINDOWS,
                variables={"VBOX_INSTALL_PATH": "E:\\A\\;E:\\B\\"},
                files={r"E:\B\VBoxManage.exe": ""},
            ),
            r"E:\B\VBoxManage.exe",
        ),
        # Vagrant prefers the usual folder to PATH, and PATH to what the installer says.
        (
            replace(
                WINDOWS,
                programs=("VBoxManage",),
                files={r"C:\Program Files\Oracle\VirtualBox\VBoxManage.exe": ""},
            ),
            r"C:\Program Files\Oracle\VirtualBox\VBoxManage.exe",
        ),
        (
            replace(
                WINDOWS,
                programs=("VBoxManage",),
                variables={"VBOX_MSI_INSTALL_PATH": "E:\\VB\\"},
                files={r"E:\VB\VBoxManage.exe": ""},
            ),
            "VBoxManage",
        ),
        # Another system has the same variables for other purposes.
        (
            OtherMachine(
                programs=(),
                variables={"VBOX_INSTALL_PATH": "/opt/vb"},
                files={r"\opt\vb\VBoxManage.exe": ""},
            ),
            None,
        ),
    ],
)
def test_where_vboxmanage_is(machine: OtherMachine, path: str | None) -> None:
    assert virtualbox.vboxmanage(machine) == path


def test_one_virtualbox_that_is_found_in_two_ways_is_one() -> None:
    named = replace(
        WINDOWS,
        variables={"VBOX_MSI_INSTALL_PATH": "c:\\program files\\oracle\\virtualbox\\"},
        files={
            r"C:\Program Files\Oracle\VirtualBox\VBoxManage.exe": "",
            r"c:\program files\oracle\virtualbox\VBoxManage.exe": "",
        },
    )
    assert len(virtualbox.installed(named)) == 1


def test_the_folder_of_machines_is_the_one_that_virtualbox_names() -> None:
    said = "API version: 7_0\nDefault machine folder:          D:\\VMs of Taro\nLog: 3\n"
    machine = OtherMachine(answers={"VBoxManage list systemproperties": said})
    assert virtualbox.machine_folder(machine) == "D:\\VMs of Taro"
    assert virtualbox.machine_folder(OtherMachine()) == ""
    assert virtualbox.machine_folder(OtherMachine(programs=())) == ""


@pytest.mark.parametrize(
    "folder", ["D:\\仮想マシン", "/Users/taro/VirtualBox VMs", r"\\server\vms"]
)
def test_the_folder_of_machines_is_found_in_another_language(folder: str) -> None:
    said = f"API バージョン: 7_0\nフォルダー:          {folder}\nデータベース: /etc/vbox\n"
    machine = OtherMachine(answers={"VBoxManage list systemproperties": said})
    assert virtualbox.machine_folder(machine) == folder


def test_only_folders_of_machines_that_virtualbox_forgot_are_removed(
    manage: VBoxManage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers: Any = {"VBoxManage list systemproperties": f"Default machine folder: {tmp_path}\n"}
    monkeypatch.setattr(virtualbox, "ThisMachine", lambda: OtherMachine(answers=answers))
    titles = {"labctl-default-host1", "labctl-default-host2", "labctl-default-host3"}
    for name in ("labctl-default-host1", "labctl-default-host2", "my own machine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "disk.vdi").touch()
    virtualbox.make_room(titles)
    # VirtualBox still has host1.
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["labctl-default-host1", "my own machine"]
