"""The lab's record: checkpoints, pinned keys, and files that are not readable."""

from __future__ import annotations

import pytest

from labctl.errors import WrongState
from labctl.home import LabHome, lab_home
from labctl.lab import Lab, load_edition
from labctl.providers.vagrant import VagrantProvider
from labctl.providers.vagrant.record import KnownMachine, Record, Saved, read_record, write_record


@pytest.fixture
def home() -> LabHome:
    return lab_home("default")


def saved(name: str, snapshot: str) -> Saved:
    return Saved(name=name, created="2026-01-01T00:00:00+09:00", origin="up", snapshot=snapshot)


def test_a_checkpoint_saved_again_leaves_its_old_snapshot_to_be_deleted() -> None:
    record = Record(hypervisor="virtualbox").with_checkpoint(saved("dns", "labctl-dns-1"))
    record = record.with_checkpoint(saved("ready", "labctl-ready-1"))
    record = record.with_checkpoint(saved("dns", "labctl-dns-2"))
    assert [each.snapshot for each in record.checkpoints] == ["labctl-ready-1", "labctl-dns-2"]
    assert record.stale == ("labctl-dns-1",)


def test_dropping_what_is_not_there_changes_nothing() -> None:
    record = Record(hypervisor="virtualbox").with_checkpoint(saved("dns", "labctl-dns-1"))
    assert record.without_checkpoint("ready") == record


def test_the_keys_are_pinned_to_where_ssh_answers(home: LabHome) -> None:
    forwarded = KnownMachine(address="127.0.0.1", port=2222, host_keys=("ssh-ed25519 AAAA",))
    direct = KnownMachine(address="192.168.121.7", port=22, host_keys=("ssh-ed25519 BBBB",))
    record = Record(hypervisor="libvirt", machines={"host1": forwarded, "host2": direct})
    write_record(home, record)
    assert home.known_hosts.read_text() == (
        "[127.0.0.1]:2222 ssh-ed25519 AAAA\n192.168.121.7 ssh-ed25519 BBBB\n"
    )
    assert read_record(home) == record


@pytest.mark.parametrize(
    "text", ["", "{", '{"hypervisor": 1}', "\x00", '{"version": 99, "hypervisor": "virtualbox"}']
)
def test_a_broken_record_is_a_state_to_mend(text: str) -> None:
    home = lab_home("class-a")
    home.state.mkdir(parents=True)
    (home.state / "vagrant.json").write_text(text)
    with pytest.raises(WrongState) as caught:
        read_record(home)
    assert "labctl destroy" in str(caught.value.hint)


def test_no_record_is_no_lab(home: LabHome) -> None:
    assert read_record(home) is None


def test_checkpoints_come_as_they_were_saved_whatever_the_clock_said(home: LabHome) -> None:
    record = Record(hypervisor="virtualbox")
    for number, hour in enumerate(("02:30:00+02:00", "02:10:00+01:00"), 1):
        created = f"2026-10-25T{hour}"
        one = Saved(name=f"before-{number}", created=created, origin="reset", snapshot=f"s{number}")
        record = record.with_checkpoint(one)
    write_record(home, record)
    provider = VagrantProvider(Lab(name="default", edition=load_edition("ubuntu-example")), home)
    assert [each.name for each in provider.checkpoints()] == ["before-1", "before-2"]
