"""Faults in which the guest's own kernel and disk matter, on emulated machines."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from labctl.home import lab_home
from labctl.lab import Lab, LabFile, load_edition
from labctl.providers.vagrant import VagrantProvider
from labctl.providers.vagrant.record import read_record
from labctl.remote import Remote
from tests.vagrant.conftest import manage
from tests.vagrant.double.guests import QEMU
from tests.vagrant.double.registry import Store

GUESTS = QEMU
LAB = Lab(
    name="emulated",
    edition=load_edition("ubuntu-example"),
    choices=LabFile.model_validate({"memory": 512}),
)

pytestmark = pytest.mark.long


def provider() -> VagrantProvider:
    return VagrantProvider(LAB, lab_home(LAB.name))


@pytest.fixture
def _made(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LABCTL_BOOT_TIMEOUT", "1800")
    provider().create()
    yield
    provider().destroy()


def on_host(command: str) -> str:
    with Remote(provider().endpoints()["host1"]) as remote:
        return remote.run(["sh", "-c", command]).stdout


@pytest.mark.usefixtures("_made")
def test_what_was_written_before_a_snapshot_outlives_a_boot_without_its_memory(
    store: Store,
) -> None:
    written = on_host("head -c 1000000 /dev/urandom >/root/kept; sha256sum /root/kept")
    provider().save("kept")
    record = read_record(lab_home(LAB.name))
    assert record is not None
    saved = record.find("kept")
    assert saved is not None
    machine = store.read().vm(f"labctl-{LAB.name}-host1")
    manage("controlvm", machine.uuid, "poweroff")
    time.sleep(store.read().behaviour.lock_seconds)
    manage("snapshot", machine.uuid, "restore", saved.snapshot)
    manage("discardstate", machine.uuid)
    provider().start()
    assert on_host("sha256sum /root/kept") == written
