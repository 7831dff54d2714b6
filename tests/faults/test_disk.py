"""The disk fills up: while the image is built, and while the hosts are configured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.home import lab_home
from tests.faults.pulled import disk, labctl_in
from tests.lab.program import LAB, labctl, started, wait_until
from tests.lab.traces import changed_since, traces


@pytest.fixture(autouse=True)
def _no_other_lab() -> Iterator[None]:
    labctl("destroy", "--yes")
    yield
    labctl("destroy", "--yes")


def test_too_small_a_disk_is_told_before_anything_is_done(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", size=50) as small:
        for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
            with labctl_in(**{variable: small.folder}):
                told = labctl("up", code=3).err
            assert "too full" in told
            assert f"set {variable} to a larger disk" in told


def test_full_while_the_image_is_built(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", size=3000) as cache, labctl_in(XDG_CACHE_HOME=cache.folder):
        before = traces()
        images = lab_home(LAB).cache / "images"
        process = started("up")
        wait_until(lambda: any(images.glob(".build-*/root/var")), "no image was being built")
        cache.fill()
        _out, err = process.communicate(timeout=120)
        assert process.returncode == 3, err
        assert "the disk is too full for the base image" in err
        assert "set XDG_CACHE_HOME to a larger disk" in err
        # No partial image remains.
        assert not any(path.is_dir() for path in images.iterdir())
        labctl("destroy", "--yes")
        assert changed_since(before) == {}


def test_full_while_the_hosts_are_configured(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", size=400) as state, labctl_in(XDG_STATE_HOME=state.folder):
        before = traces()
        process = started("up")
        baselines = lab_home(LAB).state / "baselines"
        wait_until((baselines / "packages").exists, "the packages were not there")
        state.fill(left=0)
        _out, err = process.communicate(timeout=300)
        assert process.returncode in (1, 3), err
        assert "No space left on device" in err, err
        assert "hint:" in err

        state.resize(800)
        labctl("up")
        labctl("test-mail")
        labctl("destroy", "--yes")
        assert changed_since(before) == {}
