"""`labctl destroy` removes everything that exists of one lab, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.destroy import destroy_lab
from labctl.home import lab_home
from labctl.progress import Progress, silent
from labctl.providers import nspawn, vagrant
from labctl.providers.nspawn import NspawnProvider
from labctl.providers.nspawn.store import LayerStore, Record, Stack
from labctl.providers.vagrant import VagrantProvider
from labctl.state import LabState, write_state
from tests.unit.cli.program import labctl


def test_a_name_that_is_a_path_removes_nothing(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    refused = labctl("destroy", "--yes", "--name", str(precious), code=2)
    assert "is not a valid name of a lab" in refused.err
    assert precious.is_dir()


@pytest.mark.parametrize("spoilt", ["state.json", "nspawn.json", "credentials.json"])
@pytest.mark.parametrize("text", ["{", '{"version": 99}', "\0"])
def test_a_lab_whose_files_are_spoilt_is_removed_all_the_same(spoilt: str, text: str) -> None:
    home = lab_home("default")
    write_state(home, LabState(provider="nspawn", fingerprint="x"))
    store = LayerStore(home.state)
    base = Stack(image=("os-1",), layers=(store.new_layer(("host1", "host2")),))
    store.write(Record(base=base, top=store.new_layer(("host1", "host2"))))
    (home.state / spoilt).write_text(text)

    destroy_lab("default", silent)
    assert not home.state.exists()
    # Repeat it when nothing is left.
    destroy_lab("default", silent)


def test_a_lab_whose_state_is_gone_is_removed_by_the_provider_that_left_traces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    class Provider(NspawnProvider):
        def destroy(self, progress: Progress = silent) -> None:
            asked.append(self.name)
            super().destroy(progress)

    monkeypatch.setattr(nspawn, "NspawnProvider", Provider)
    # VirtualBox was installed in the meantime.
    monkeypatch.setattr(VagrantProvider, "suits", lambda _machine: "VirtualBox is installed")
    home = lab_home("default")
    LayerStore(home.state).new_layer(("host1", "host2"))
    destroy_lab("default", silent)
    assert asked == ["nspawn"]
    assert not home.state.exists()


def test_every_provider_that_left_traces_removes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Containers(NspawnProvider):
        def destroy(self, progress: Progress = silent) -> None:
            asked.append(self.name)
            super().destroy(progress)

    class Machines(VagrantProvider):
        def destroy(self, progress: Progress = silent) -> None:
            asked.append(self.name)
            super().destroy(progress)

    monkeypatch.setattr(nspawn, "NspawnProvider", Containers)
    monkeypatch.setattr(vagrant, "VagrantProvider", Machines)
    home = lab_home("default")
    LayerStore(home.state).new_layer(("host1", "host2"))
    (home.state / "vagrant").mkdir()
    destroy_lab("default", silent)
    assert asked[:2] == ["vagrant", "nspawn"]
    assert not home.state.exists()


def test_a_lab_whose_lab_file_is_gone_is_removed_all_the_same(tmp_path: Path) -> None:
    home = lab_home("default")
    gone = tmp_path / "gone.toml"
    write_state(home, LabState(provider="nspawn", fingerprint="x", lab_file=gone))
    destroy_lab("default", silent)
    assert not home.state.exists()


def test_a_lab_that_does_not_exist_is_not_said_to_be_removed() -> None:
    assert labctl("destroy", "--yes", code=0).out == "the lab default does not exist\n"
    write_state(lab_home("default"), LabState(provider="nspawn", fingerprint="x"))
    assert labctl("destroy", "--yes", code=0).out == "the lab default was removed\n"
