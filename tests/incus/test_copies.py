"""A lab made as a copy of another one: the same files, other keys, addresses and user ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.providers.incus import IncusProvider
from labctl.remote import Remote
from labctl.results import HostState
from tests.incus.conftest import LAB
from tests.incus.daemon import Daemon
from tests.lab.program import labctl

COPY = "incus-copy"
_MARK = "/etc/of-the-model"
_OWN = ("/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key", "/root/.ssh/authorized_keys")


@pytest.fixture(scope="module", autouse=True)
def model(lab_file: Path) -> Iterator[None]:
    labctl("up", "--until", "os", "--lab", str(lab_file), name=LAB)
    provider = provider_of(LAB, lab_file)
    for host in ("host1", "host2"):
        on_host(provider, host, f"echo {host} >{_MARK}")
    provider.save("marked")
    yield
    labctl("destroy", "--yes", name=LAB)


@pytest.fixture(scope="module")
def copy(model: None, lab_file: Path) -> Iterator[IncusProvider]:
    provider = provider_of(COPY, lab_file)
    assert provider.create_like(lab_home(LAB), "marked")
    provider.start()
    yield provider
    provider.destroy()


def provider_of(name: str, lab_file: Path) -> IncusProvider:
    return IncusProvider(load_lab(name, lab_file), lab_home(name))


def on_host(provider: IncusProvider, host: str, command: str) -> str:
    with Remote(provider.endpoints()[host]) as remote:
        return remote.run(["sh", "-c", command]).stdout


def test_the_copy_has_the_model_s_files_and_checkpoints(copy: IncusProvider) -> None:
    for host in ("host1", "host2"):
        assert on_host(copy, host, f"cat {_MARK}") == f"{host}\n"
    assert [each.name for each in copy.checkpoints()] == ["os", "marked"]
    assert not copy.create_like(lab_home(LAB), "marked")


def test_no_key_and_no_id_is_the_model_s_after_any_restore(
    copy: IncusProvider, lab_file: Path
) -> None:
    model = provider_of(LAB, lab_file)
    for checkpoint in ("marked", "os", "marked"):
        copy.restore(checkpoint)
        for host in ("host1", "host2"):
            for path in _OWN:
                assert on_host(copy, host, f"cat {path}") != on_host(model, host, f"cat {path}")
    on_host(copy, "host1", f"test -e {_MARK}")


def test_interfaces_and_user_ids_are_different(copy: IncusProvider, daemon: Daemon) -> None:
    macs, bases = [], []
    for name in (LAB, COPY):
        for host in ("host1", "host2"):
            found = daemon.query(f"/1.0/instances/{host}?project=labctl-{name}")
            macs += [found["devices"][nic]["hwaddr"] for nic in ("lab", "out")]
            bases.append(found["config"]["volatile.idmap.base"])
    assert len(set(macs)) == 8
    assert len(set(bases)) == 4


def test_the_copy_lives_on_without_its_model(copy: IncusProvider, lab_file: Path) -> None:
    labctl("destroy", "--yes", name=LAB)
    copy.restore("os")
    on_host(copy, "host1", f"test ! -e {_MARK}")
    copy.restore("marked")
    on_host(copy, "host1", f"grep -qx host1 {_MARK}")
    on_host(copy, "host1", "ping -c 1 -W 2 192.168.56.102")
    assert set(copy.status().values()) == {HostState.RUNNING}
