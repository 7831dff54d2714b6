"""The machine's own network: no name server, or the lab's addresses on another interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.pulled import command
from tests.lab.program import labctl

# Run in a mount namespace in which this file is the machine's resolv.conf.
WITHOUT_DNS = (
    "unshare", "--mount", "sh", "-euc", 'mount --bind "$0" /etc/resolv.conf; exec "$@"',
)  # fmt: skip


def test_without_dns_a_lab_comes_up_from_the_cached_image(tmp_path: Path) -> None:
    labctl("up", "--until", "os")
    labctl("destroy", "--yes")
    nowhere = tmp_path / "resolv.conf"
    nowhere.write_text("nameserver 192.0.2.1\noptions timeout:1 attempts:1\n")
    script = 'for each in "up" "test-mail" "destroy --yes"; do "$@" $each; done'
    # Use one command, because the mounts of the hosts exist only in this namespace.
    done = labctl(within=(*WITHOUT_DNS, str(nowhere), "sh", "-euc", script, "sh"))
    assert "the lab lab-tests was removed" in done.out


def test_without_dns_no_image_is_built_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labctl("destroy", "--yes")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    nowhere = tmp_path / "resolv.conf"
    nowhere.write_text("")
    told = labctl("up", code=1, within=(*WITHOUT_DNS, str(nowhere))).err
    assert "the base image could not be built" in told
    assert "Temporary failure resolving" in told or "Could not resolve" in told
    assert "apt-get update" in told
    labctl("destroy", "--yes")


@pytest.mark.parametrize(
    "has_lab",
    [
        pytest.param(False, id="before"),
        pytest.param(True, id="while it is stopped"),
    ],
)
def test_the_addresses_are_taken_by_another_interface(has_lab: bool) -> None:
    if has_lab:
        labctl("up")
        labctl("down")
    else:
        labctl("destroy", "--yes")
    command("ip", "link", "add", "taken0", "type", "bridge")
    try:
        command("ip", "address", "add", "192.168.56.77/24", "dev", "taken0")
        told = labctl("up", *([] if has_lab else ["--until", "os"])).err
        assert "192.168.56.0/24 is in use on this machine (taken0)" in told
    finally:
        command("ip", "link", "delete", "taken0")
