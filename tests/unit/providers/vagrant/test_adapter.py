"""Vagrant's machine-readable output, recorded from Vagrant 2.3.4, and the meaning of errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState
from labctl.providers.vagrant.adapter import Vagrant, rows
from labctl.providers.vagrant.failures import failure
from labctl.run import Completed

LOG = Path("/home/taro/vagrant.log")
STATUS = """\
1795570654,host1,metadata,provider,virtualbox
1795570656,host1,provider-name,virtualbox
1795570656,host1,state,running
1795570656,host1,state-human-long,The VM is running. To stop this VM%!(VAGRANT_COMMA) halt\\nit.
"""


def test_rows_are_unescaped_and_other_lines_left_out() -> None:
    found = rows(STATUS + "\nThe VM is running, they say.\n==> host1: Booting VM...\n")
    assert [row.kind for row in found] == [
        "metadata",
        "provider-name",
        "state",
        "state-human-long",
    ]
    assert found[2].target == "host1"
    assert found[3].data == ("The VM is running. To stop this VM, halt\nit.",)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ProviderNotUsable", MachineLacks),
        ("BoxAddShortNotFound", MachineLacks),
        ("VirtualBoxInvalidHostSubnet", MachineLacks),
        ("VMBootTimeout", MachineLacks),
        ("SnapshotNotFound", WrongState),
        ("VMNotCreatedError", WrongState),
        ("VBoxManageError", CommandFailed),
    ],
)
def test_an_error_keeps_vagrants_reason_and_leads_on(name: str, kind: type[LabError]) -> None:
    done = Completed(("vagrant", "up"), 1, "", "")
    error = failure(["up", "host1"], done, [(f"Vagrant::Errors::{name}", "the reason")], LOG)
    assert isinstance(error, kind)
    assert "the reason" in error.cause
    assert error.hint


def test_an_unknown_end_shows_the_command_and_what_it_said() -> None:
    done = Completed(("vagrant", "up"), 1, "", "ruby: out of memory\n")
    error = failure(["up", "host1"], done, [], LOG)
    assert "vagrant up host1" in error.message
    assert "ruby: out of memory" in error.cause
    assert str(LOG) in str(error.hint)


@pytest.mark.posix
def test_power_is_cut_by_vagrants_forced_halt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "vagrant"
    program.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/words\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    Vagrant(tmp_path, "virtualbox", tmp_path).halt("host2", force=True)
    words = (tmp_path / "words").read_text(encoding="utf-8")
    assert words == "halt host2 --force --machine-readable\n"
