"""What providers record of a lab: the checkpoints in their order, and files of earlier versions."""

from __future__ import annotations

import pytest

from labctl.providers.incus.record import Record as IncusRecord
from labctl.providers.nspawn.store import Record as NspawnRecord
from labctl.providers.record import LabRecord, SavedCheckpoint, now
from labctl.providers.vagrant.record import Record as VagrantRecord
from labctl.results import CheckpointInfo

SAVED = '"name": "os", "created": "2026-11-27T10:00:00+09:00", "origin": "up"'


def saved(name: str, origin: str = "up") -> SavedCheckpoint:
    return SavedCheckpoint(name=name, created=now(), origin=origin)


def test_a_checkpoint_replaces_the_one_of_its_name_and_is_the_newest() -> None:
    record = LabRecord[SavedCheckpoint](version=1)
    for each in (saved("os"), saved("dns"), saved("os", "reset")):
        record = record.with_checkpoint(each)
    assert record.names == ("dns", "os")
    found = record.find("os")
    assert found is not None and found.origin == "reset"
    assert record.without_checkpoint("dns").names == ("os",)
    assert record.without_checkpoint("ready") == record
    assert record.find("ready") is None


def test_a_checkpoint_is_listed_with_its_size() -> None:
    one = saved("os")
    assert one.info(5) == CheckpointInfo("os", one.created, 5, "up")
    assert one.info().size == 0


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (
            NspawnRecord,
            '{"version": 2, "base": {"image": ["os-1"], "layers": ["a"]}, "top": "b", "net_open":'
            f' true, "checkpoints": [{{{SAVED}, "stack": {{"image": ["os-1"], "layers": []}}}}]}}',
        ),
        (
            VagrantRecord,
            '{"version": 1, "hypervisor": "virtualbox", "machines": {}, "resolvers": [],'
            f' "net_open": true, "checkpoints": [{{{SAVED}, "snapshot": "labctl-os-1"}}],'
            ' "stale": [], "unfinished": null}',
        ),
        (
            IncusRecord,
            '{"version": 1, "network": "lab-1", "pool": "p", "member": "", "layers": ["os-1"],'
            f' "first_ids": {{}}, "net_open": true, "checkpoints": [{{{SAVED}, "snapshot": "s",'
            ' "layers": ["os-1"], "copied": false}], "restoring": null, "moving": ""}',
        ),
    ],
)
def test_the_files_of_earlier_versions_are_read(
    model: type[LabRecord[SavedCheckpoint]], text: str
) -> None:
    record = model.model_validate_json(text)
    assert record.names == ("os",)
    assert record.net_open
