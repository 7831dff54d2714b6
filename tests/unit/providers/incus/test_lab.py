"""Parts of a lab on Incus that need no server: placement, shapes, ids, names and options."""

from __future__ import annotations

import re
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from labctl.errors import WrongUsage
from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.providers.incus import IncusProvider
from labctl.providers.incus.network import bridge_of
from labctl.providers.incus.options import IncusOptions
from labctl.providers.incus.placement import Member, best
from labctl.providers.incus.record import Record, Saved, owner_of
from labctl.providers.incus.shape import Shape
from labctl.providers.incus.snapshots import snapshot_name
from labctl.providers.incus.userids import _free_range
from labctl.providers.settings import known_keys
from labctl.results import HostState

GIB = 1024**3


def test_a_lab_goes_to_the_member_with_the_most_free_memory() -> None:
    members = [Member("m1", free=4 * GIB), Member("m2", free=9 * GIB, instances=40)]
    assert best(members) == "m2"


def test_members_that_are_as_free_share_the_labs() -> None:
    free = 8 * GIB
    members = [
        Member("m1", free=free, instances=3),
        Member("m2", free=free - 1000, instances=6),
        Member("m3", free=free + 1000, instances=0),
    ]
    assert best(members) == "m3"


def test_a_shape_has_limits_and_a_way_out_that_can_be_taken_away() -> None:
    options = IncusOptions(memory=512, processes=300, disk=4)
    shape = Shape(options, "labctl", "lab-1", net_open=True, first_ids={"host1": 1_065_536})
    assert shape.config("host1")["security.idmap.base"] == "1065536"
    assert "security.idmap.base" not in shape.config("host2")
    assert shape.config("host1")["limits.memory"] == "512MiB"
    assert shape.devices("host1")["root"]["size"] == "4GiB"
    assert shape.devices("host1")["out"]["security.port_isolation"] == "true"
    # A limit of the disk turns on btrfs quotas, so there is none by default.
    assert "size" not in Shape(IncusOptions(), "labctl", "lab-1", True).devices("host1")["root"]
    closed = Shape(options, "labctl", "lab-1", net_open=False)
    assert set(closed.devices("host1")) == {"root", "lab"}


def test_incus_7_has_another_way_to_say_which_user_ids_an_instance_has() -> None:
    ids = {"host1": 1_065_536}
    seven = Shape(IncusOptions(), "labctl", "lab-1", net_open=True, first_ids=ids, major=7)
    assert "security.idmap.isolated" not in seven.config("host1")
    assert seven.config("host1")["security.idmap.base"] == "1065536"
    assert seven.config("machine")["security.idmap.isolated"] == "true"


def test_every_interface_of_every_lab_has_an_address_of_its_own() -> None:
    shapes = [Shape(IncusOptions(), "labctl", f"lab-{n}", net_open=True) for n in range(300)]
    found = [
        shape.devices(host)[nic]["hwaddr"]
        for shape in shapes
        for host in ("host1", "host2")
        for nic in ("lab", "out")
    ]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(r"02(:[0-9a-f]{2}){5}", each) for each in found)


def test_a_new_range_of_user_ids_is_free_and_close_to_the_others() -> None:
    first = 1_065_536
    taken = {first + n * 65_536 for n in range(600)}
    for _attempt in range(50):
        found = _free_range(taken)
        assert found not in taken
        assert (found - first) % 65_536 == 0
        assert first < found < first + (600 + 256) * 65_536


def test_a_bridge_s_name_fits_an_interface_and_is_the_project_s_own() -> None:
    assert len(bridge_of("labctl-" + "x" * 32)) <= 15
    assert bridge_of("labctl-a") != bridge_of("labctl-b")


def test_a_checkpoint_that_is_saved_again_is_the_newest() -> None:
    def saved(name: str, unique: str) -> Saved:
        return Saved(
            name=name, created="", origin="up", snapshot=snapshot_name(name, unique), layers=()
        )

    record = Record(network="lab-1", pool="labctl")
    for name, unique in (("os", "1"), ("dns", "2"), ("os", "3")):
        record = record.with_checkpoint(saved(name, unique))
    assert [each.snapshot for each in record.checkpoints] == ["labctl-dns-2", "labctl-os-3"]
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_the_owner_of_a_project_is_known_when_the_lab_s_folder_is_gone() -> None:
    assert owner_of(lab_home("a")) == owner_of(lab_home("a"))
    assert owner_of(lab_home("a")) != owner_of(lab_home("b"))


def test_a_lab_that_was_never_made_asks_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    provider = IncusProvider(load_lab("a", _file(tmp_path, "")), lab_home("a"))
    assert set(provider.status().values()) == {HostState.ABSENT}
    assert provider.checkpoints() == ()
    assert provider.upstream_resolvers() == ()


def test_the_lab_file_s_table_is_the_provider_s_options(tmp_path: Path) -> None:
    lab = load_lab("a", _file(tmp_path, 'remote = "far"\ntarget = "@lab"\nmemory = 2048\n'))
    options = IncusProvider(lab, lab_home("a")).options
    assert (options.remote, options.target, options.memory) == ("far", "@lab", 2048)
    assert {"remote", "target", "pool", "project_prefix"} <= set(known_keys())


@pytest.mark.parametrize("wrong", ['remote = "--help"', 'pool = "a b"', "processes = 1"])
def test_options_that_could_be_taken_for_something_else_are_refused(
    tmp_path: Path, wrong: str
) -> None:
    with pytest.raises(WrongUsage):
        lab = load_lab("a", _file(tmp_path, wrong + "\n"))
        _ = IncusProvider(lab, lab_home("a")).options


def test_the_machine_s_address_is_that_of_the_edition() -> None:
    network = load_lab("a").network
    assert IPv4Interface(f"{network.machine}/{network.cidr.prefixlen}").network == network.cidr


def _file(folder: Path, table: str) -> Path:
    path = folder / "labctl.toml"
    path.write_text(f'provider = "incus"\n\n[incus]\n{table}')
    return path
