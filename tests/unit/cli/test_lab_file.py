"""Which lab file counts, for every command alike, and what is said of keys that go unused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer.main

from labctl.cli.app import build
from labctl.cli.completion import hosts
from labctl.engine import UpResult
from labctl.home import lab_home
from labctl.providers.registry import provider_names
from labctl.render.lab import print_up
from labctl.resources import editions
from labctl.state import LabState, write_state
from tests.unit.cli.program import labctl

# Only the lab file says which language.
NO_LANGUAGE = {"LABCTL_LANG": ""}


@pytest.fixture(autouse=True)
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab that nspawn made with a lab file of another folder than the one we are in."""
    folder = tmp_path / "class"
    folder.mkdir()
    file = folder / "labctl.toml"
    file.write_text(
        'lang = "ja"\ndns = "parent"\nhypervisor = "virtualbox"\n[vagrant]\ncpus = 2\n', "utf-8"
    )
    write_state(lab_home("default"), LabState(provider="nspawn", fingerprint="x", lab_file=file))
    monkeypatch.chdir(tmp_path)
    return file


def test_doctor_reads_the_lab_file_that_the_lab_was_made_with(tmp_path: Path) -> None:
    told = labctl("doctor", "--provider", "nspawn", code=None, env=NO_LANGUAGE).out
    assert "ラボファイル" in told and "hypervisor" in told
    assert "vagrant" not in told


def test_doctor_tells_each_providers_unused_keys_as_data(tmp_path: Path) -> None:
    data = labctl("doctor", "--json", code=None).json["data"]
    ignored = {each["provider"]: each["ignored"] for each in data["providers"]}
    assert set(ignored) == set(provider_names())
    assert (ignored["vagrant"], ignored["nspawn"]) == ([], ["hypervisor"])
    for each in data["providers"]:
        for diagnosis in each["diagnoses"]:
            for command in diagnosis["commands"]:
                assert " ".join(command).split()[0] in diagnosis["mend"]


def test_a_wrong_lab_file_is_told_by_doctor_too(remembered: Path, tmp_path: Path) -> None:
    remembered.write_text("nowhere = 1\n", "utf-8")
    refused = labctl("doctor", code=2).err
    assert str(remembered) in refused
    assert "nowhere: no such key" in refused


@pytest.mark.posix
def test_destroy_asks_and_tells_in_the_language_of_the_lab(tmp_path: Path) -> None:
    told = labctl("destroy", "--yes", code=0, env=NO_LANGUAGE).out
    assert "削除" in told


def test_status_tells_the_unused_keys(tmp_path: Path) -> None:
    (lab,) = labctl("status", "--json", code=0).json["data"]["labs"]
    assert lab["ignored"] == ["hypervisor"]
    assert len(lab["hosts"]) == 3
    assert "does not use these keys of the lab file: hypervisor" in labctl("status", code=0).out


def test_up_has_the_unused_keys_in_its_document(capsys: pytest.CaptureFixture[str]) -> None:
    result = UpResult("default", "nspawn", "", "os", False, False, (), (), 0.0, False)
    print_up(result, ("hypervisor",), as_json=True)
    assert json.loads(capsys.readouterr().out)["data"]["ignored"] == ["hypervisor"]


def test_completion_knows_the_hosts_of_that_lab_file() -> None:
    group: Any = typer.main.get_command(build())
    context = typer.Context(group.get_command(typer.Context(group), "ssh"))
    context.params = {"name": "default"}
    assert hosts(context, "host") == ["host0", "host1", "host2"]
    assert hosts(context, "host2") == ["host2"]
    context.params = {"name": "another"}
    assert hosts(context, "host") == ["host1", "host2"]


def test_thunderbird_opens_the_first_mail_host_of_an_edition_of_ones_own(remembered: Path) -> None:
    text = (editions() / "ubuntu.yaml").read_text(encoding="utf-8")
    own = remembered.parent / "own.yaml"
    own.write_text(text.replace("name: host1", "name: alpha").replace("user1", "taro"), "utf-8")
    remembered.write_text('edition = "./own.yaml"\n', "utf-8")
    assert "taro@example1.test" in labctl("thunderbird", "--print", code=0).out
