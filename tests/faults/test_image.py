"""The cached image is truncated or altered: it is rebuilt, and no host uses the damaged files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.home import lab_home
from tests.faults.pulled import command, kill_host
from tests.lab.program import LAB, labctl, on_host

SMTPD = "usr/lib/postfix/sbin/smtpd"


@pytest.fixture(autouse=True, scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the cached images, because other labs on this machine use the originals."""
    labctl("up")
    book = json.loads((lab_home(LAB).state / "nspawn.json").read_text())
    labctl("destroy", "--yes")
    folder = tmp_path_factory.mktemp("cache")
    (folder / "labctl" / "images").mkdir(parents=True)
    cached = lab_home(LAB).cache / "images"
    for name in book["base"]["image"]:
        for path in (cached / name, cached / f"{name}.seal"):
            command("cp", "--archive", str(path), str(folder / "labctl" / "images"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield lab_home(LAB).cache / "images"
        labctl("destroy", "--yes")


def cut(images: Path) -> None:
    """Truncate the program that receives mail in every layer that contains it."""
    for program in images.glob(f"*/{SMTPD}"):
        os.truncate(program, program.stat().st_size // 2)


def test_a_new_lab_never_stands_on_a_cut_layer(images: Path) -> None:
    cut(images)
    assert "building image layer mail" in labctl("up").err
    labctl("test-mail")


@pytest.mark.long
def test_hosts_that_run_on_it_are_stopped_by_a_person_first(images: Path) -> None:
    labctl("up")
    on_host("host2", "echo kept >/root/kept; sync")
    cut(images)
    kill_host("host1")
    refused = labctl("up", code=4).err
    assert "was altered while hosts run on it" in refused
    assert "hosts/host2" in refused
    assert "  labctl down" in refused
    labctl("down")
    assert "building image layer mail" in labctl("up").err
    assert on_host("host2", "cat /root/kept").out == "kept\n"
    labctl("test-mail")


@pytest.mark.parametrize(
    "spoil",
    ["altered", *(pytest.param(way, marks=pytest.mark.long) for way in ("gone", "unsealed"))],
)
def test_what_was_built_on_a_spoilt_layer_is_built_anew_too(images: Path, spoil: str) -> None:
    labctl("destroy", "--yes")
    layers = [path for path in images.glob("dns-*") if path.is_dir()]
    for layer in layers:
        if spoil == "gone":
            command("rm", "-r", str(layer))
        elif spoil == "altered":
            (layer / "etc" / "bind" / "named.conf").write_text("")
        else:
            layer.with_name(f"{layer.name}.seal").unlink()
    told = labctl("up").err
    assert "building image layer os" not in told
    assert "building image layer dns" in told
    assert "building image layer mail" in told
    labctl("test-mail")
