"""Labs on a cluster of three members: spread, never split, and alive when a member is not.

Run on demand: make test-incus-cluster.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.providers.incus import IncusProvider
from labctl.providers.incus.client import Incus
from labctl.providers.incus.record import read_record, write_record
from labctl.results import HostState
from labctl.waiting import wait_until
from tests.incus.cluster import Cluster, incus_cluster
from tests.incus.daemon import Daemon
from tests.lab.program import labctl

LABS = ("alpha", "beta", "gamma")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with (
        tempfile.TemporaryDirectory(prefix="lc-") as folder,
        incus_cluster(Path(folder), ("m1", "m2", "m3")) as found,
    ):
        Path(folder).chmod(0o711)
        yield found


@pytest.fixture(scope="module")
def first(cluster: Cluster) -> Iterator[Daemon]:
    """The member that labctl speaks to."""
    member = cluster.members["m1"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in member.env.items():
            patch.setenv(name, value)
        patch.setenv("XDG_STATE_HOME", str(member.folder / "state"))
        patch.setenv("LC_ALL", "C.UTF-8")
        yield member


@pytest.fixture(scope="module")
def places(first: Daemon) -> Iterator[dict[str, str]]:
    """Three labs, and the member of each."""
    lab_file = first.folder / "labctl.toml"
    lab_file.write_text('provider = "incus"\n')
    for name in LABS:
        labctl("up", "--until", "dns", "--lab", str(lab_file), name=name)
    yield {name: next(iter(locations(first, name).values())) for name in LABS}
    for name in LABS:
        labctl("destroy", "--yes", name=name)
    projects = first.query("/1.0/projects?recursion=1")
    assert [each["name"] for each in projects] == ["default"]
    assert not [n for n in first.query("/1.0/networks?recursion=1") if n["name"][:4] == "lab-"]


def locations(member: Daemon, name: str) -> dict[str, str]:
    found = member.query(f"/1.0/instances?project=labctl-{name}&recursion=1")
    return {each["name"]: each["location"] for each in found}


def test_a_lab_is_on_one_member_and_the_labs_are_on_different_ones(
    first: Daemon, places: dict[str, str]
) -> None:
    for name in LABS:
        assert len(set(locations(first, name).values())) == 1
    assert sorted(places.values()) == ["m1", "m2", "m3"]


def test_every_lab_is_reached_through_any_member(
    cluster: Cluster, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for member in cluster.members.values():
        for name, value in member.env.items():
            monkeypatch.setenv(name, value)
        for name in LABS:
            assert labctl("ssh", "host2", "--", "uname", "-n", name=name).out == "host2\n"


def test_hosts_of_each_lab_reach_each_other(places: dict[str, str]) -> None:
    for name in LABS:
        labctl("ssh", "host1", "--", "ping", "-c1", "-W2", "192.168.56.102", name=name)


def test_a_member_that_is_killed_takes_only_its_own_labs_away(
    cluster: Cluster, first: Daemon, places: dict[str, str]
) -> None:
    lost = next(name for name in LABS if places[name] != "m1")
    others = [name for name in LABS if name != lost]
    member = cluster.members[places[lost]]
    member.kill()
    try:
        # At once, before the cluster has given it up.
        assert_says_so_in_time(provider_of(first, lost))
        assert status_of(lost) == {"broken"}
        await_offline(first, places[lost])
        assert status_of(lost) == {"broken"}
        refused = labctl("ssh", "host1", "--", "uname", "-n", name=lost, code=3)
        assert f"member {places[lost]}" in refused.err
        for words in (("up",), ("reset", "--yes")):
            refused = labctl(*words, name=lost, code=3)
            assert f"member {places[lost]}" in refused.err
            assert "incus cluster list" in refused.err
        new = first.folder / "labctl.toml"
        refused = labctl("up", "--until", "os", "--lab", str(new), name="new", code=3)
        assert f"not online: {places[lost]}" in refused.err
        for name in others:
            begun = time.monotonic()
            assert labctl("ssh", "host1", "--", "uname", "-n", name=name).out == "host1\n"
            assert time.monotonic() - begun < 15
            labctl("net", "close", name=name)
            labctl("net", "open", name=name)
            labctl("reset", "--to", "dns", "--yes", name=name)
    finally:
        member.revive()
    await_online(first, places[lost])
    labctl("destroy", "--yes", name="new")
    assert labctl("ssh", "host1", "--", "uname", "-n", name=lost).out == "host1\n"


def test_a_member_without_its_cable_comes_back_with_its_labs(
    cluster: Cluster, first: Daemon, places: dict[str, str]
) -> None:
    lost = next(name for name in LABS if places[name] != "m1")
    cluster.unplug(places[lost])
    try:
        assert_says_so_in_time(provider_of(first, lost))
        assert status_of(lost) == {"broken"}
        await_offline(first, places[lost])
        for name in LABS:
            if name != lost:
                assert labctl("ssh", "host1", "--", "uname", "-n", name=name).out == "host1\n"
    finally:
        cluster.plug(places[lost])
    await_online(first, places[lost])
    assert labctl("ssh", "host1", "--", "uname", "-n", name=lost).out == "host1\n"


def test_a_copy_on_any_member_is_made_of_a_stock_there(
    first: Daemon, places: dict[str, str]
) -> None:
    model = "alpha"
    for number, member in enumerate(("m1", "m2", "m3", "m2")):
        provider = targeted(first, f"copy{number}", member)
        try:
            assert provider.create_like(lab_home(model), "dns")
            provider.start()
            found = locations(first, f"copy{number}")
            assert set(found.values()) == {member}
            assert set(provider.status().values()) == {HostState.RUNNING}
        finally:
            provider.destroy()
    stock = {name: where for name, where in locations(first, model).items() if "-on-" in name}
    assert stock == {f"{host}-on-{m}": m for host in ("host1", "host2") for m in ("m1", "m2", "m3")}


def test_a_lab_moves_with_its_checkpoints_and_a_killed_move_is_finished(
    first: Daemon, places: dict[str, str]
) -> None:
    goal = next(member for member in ("m3", "m2") if member != places["beta"])
    provider = provider_of(first, "beta")
    assert provider.move(goal)
    assert set(locations(first, "beta").values()) == {goal}
    assert labctl("ssh", "host1", "--", "uname", "-n", name="beta").out == "host1\n"
    assert not provider.move(goal)
    # As if labctl had been killed after the intent was written.
    incus = Incus("", "labctl-beta")
    record = read_record(incus)
    assert record is not None
    write_record(incus, record.model_copy(update={"moving": places["beta"]}))
    labctl("reset", "--to", "os", "--yes", name="beta")
    assert set(locations(first, "beta").values()) == {places["beta"]}
    assert labctl("ssh", "host2", "--", "uname", "-n", name="beta").out == "host2\n"


def test_the_seats_of_a_class_are_spread_and_one_moves(first: Daemon) -> None:
    name = "spread"
    labctl("class", "init", name, "--seats", "2", "--remote", "local", "--until", "os")
    try:
        labctl("class", "up", "--class", name)
        before = seat_places(first, name)
        goal = next(member for member in ("m1", "m2", "m3") if member not in before.values())
        labctl("class", "move", "1", "--to", goal, "--class", name)
        assert seat_places(first, name) == {**before, "s01": goal}
        words = (
            "class",
            "enter",
            "--class",
            name,
            "1",
            "host2",
            "--user",
            "root",
            "--",
            "hostname",
        )
        assert labctl(*words).out == "host2\n"
        assert labctl("class", "status", "--class", name, "--json").json["seats"]
    finally:
        labctl("class", "end", "--yes", "--class", name)


def seat_places(member: Daemon, name: str) -> dict[str, str]:
    """The cluster member of each of two seats; no lab is split."""
    found = {}
    for seat in ("s01", "s02"):
        (found[seat],) = set(locations(member, f"{name}-{seat}").values())
    return found


def test_an_evacuation_stops_the_labs_of_a_member_and_splits_none(
    first: Daemon, places: dict[str, str]
) -> None:
    member = places["gamma"]
    first.incus("cluster", "evacuate", member, "--force", timeout=180)
    try:
        assert set(locations(first, "gamma").values()) == {member}
        assert status_of("gamma") == {"stopped"}
        assert status_of("alpha") == {"running"}
    finally:
        first.incus("cluster", "restore", member, "--force", timeout=180)
    labctl("up", "--until", "dns", name="gamma")
    assert labctl("ssh", "host1", "--", "uname", "-n", name="gamma").out == "host1\n"


def test_a_cluster_without_a_majority_is_given_up_with_a_word(
    cluster: Cluster, first: Daemon, places: dict[str, str]
) -> None:
    """Last: after it the members need a while to find each other."""
    others = [cluster.members[name] for name in ("m2", "m3")]
    for member in others:
        member.kill()
    try:
        refused = labctl("up", "--until", "dns", name="alpha", code=3)
        assert "Incus does not answer" in refused.err
    finally:
        for member in others:
            member.revive()
    await_online(first, "m2")
    await_online(first, "m3")


def provider_of(first: Daemon, name: str, lab_file: Path | None = None) -> IncusProvider:
    return IncusProvider(load_lab(name, lab_file or first.folder / "labctl.toml"), lab_home(name))


def targeted(first: Daemon, name: str, member: str) -> IncusProvider:
    lab_file = first.folder / f"{name}.toml"
    lab_file.write_text(f'provider = "incus"\n[incus]\ntarget = "{member}"\n')
    return provider_of(first, name, lab_file)


def assert_says_so_in_time(provider: IncusProvider) -> None:
    """All that `labctl status` asks the provider takes less than 3 s."""
    begun = time.monotonic()
    assert set(provider.status().values()) == {HostState.BROKEN}
    assert provider.checkpoints(measured=True)
    assert time.monotonic() - begun < 3


def status_of(name: str) -> set[str]:
    [status] = labctl("status", "--json", name=name, code=None).json["labs"]
    return {host["state"] for host in status["hosts"]}


def await_offline(first: Daemon, name: str) -> None:
    _await(first, name, online=False)


def await_online(first: Daemon, name: str) -> None:
    _await(first, name, online=True)
    # The member is online before the others have reached it again.
    assert wait_until(60, lambda: all(each["config"] for each in instances(first)), every=0.5)


def instances(first: Daemon) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = first.query("/1.0/instances?recursion=1&all-projects=true")
    return found


def _await(first: Daemon, name: str, *, online: bool) -> None:
    assert wait_until(60, lambda: (state(first, name) == "Online") is online, every=0.5)


def state(first: Daemon, name: str) -> str:
    found = first.query("/1.0/cluster/members?recursion=1")
    return str(next(each["status"] for each in found if each["server_name"] == name))
