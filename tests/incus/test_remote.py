"""A client that has nothing but a token: another configuration, another way in, HTTPS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.incus.daemon import Daemon
from tests.lab.program import labctl

NAME = "far"


@pytest.fixture
def laptop(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[str, ...]]:
    """The beginning of a command that runs in the server's network, for its address alone."""
    for name, value in daemon.client(tmp_path).items():
        monkeypatch.setenv(name, value)
    yield daemon.within
    labctl("destroy", "--yes", name=NAME, within=daemon.within)


def test_a_lab_is_made_checked_and_removed_over_https(
    daemon: Daemon, laptop: tuple[str, ...]
) -> None:
    lab_file: Path = daemon.folder / "far.toml"
    lab_file.write_text('provider = "incus"\nremote = "far"\nmemory = 512\n')
    labctl("doctor", "--provider", "incus", "--lab", str(lab_file), within=laptop)
    labctl("up", "--lab", str(lab_file), name=NAME, within=laptop)
    labctl("check", name=NAME, within=laptop)
    labctl("test-mail", name=NAME, within=laptop)
    assert labctl("ssh", "host1", "--", "uname", "-n", name=NAME, within=laptop).out == "host1\n"
    config = daemon.query(f"/1.0/instances/host1?project=labctl-{NAME}")["config"]
    assert config["limits.memory"] == "512MiB"
    labctl("destroy", "--yes", name=NAME, within=laptop)
    assert f"labctl-{NAME}" not in daemon.incus("project", "list", "-f", "csv").stdout


def test_a_server_that_is_not_there_is_named_with_what_to_do(
    daemon: Daemon, laptop: tuple[str, ...]
) -> None:
    daemon.incus("config", "set", "core.https_address", "")
    lab_file: Path = daemon.folder / "far.toml"
    lab_file.write_text('provider = "incus"\nremote = "far"\n')
    refused = labctl("up", "--lab", str(lab_file), name=NAME, within=laptop, code=3)
    assert "Incus cannot be reached (far)" in refused.err
    assert "incus remote list" in refused.err
