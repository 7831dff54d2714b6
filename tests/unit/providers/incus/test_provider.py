"""IncusProvider over a server in memory: the contract, and what is its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labctl.endpoint import Endpoint
from labctl.errors import LabError, MachineLacks, WrongState
from labctl.health import Diagnosis, Verdict
from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.managed import ManagedFile
from labctl.providers.checks import run_checks
from labctl.providers.incus import IncusProvider
from labctl.providers.incus.network import bridge_of
from labctl.providers.incus.record import OWNER, RECORD, Record, read_place
from labctl.results import HostState
from labctl.system import CODE_NAMES
from tests.contract.provider_contract import HOSTS, NOTE, Bench, ProviderContract
from tests.fakes.incus import FIRST_ID, Instance, Server, incus_in_memory
from tests.fakes.machine import OtherMachine

HOME = partial(lab_home, "default")
PROJECT = "labctl-default"


def open_provider(name: str = "default", file: Path | None = None) -> IncusProvider:
    return IncusProvider(load_lab(name, file), lab_home(name))


def lab_file(folder: Path, table: str) -> Path:
    path = folder / "labctl.toml"
    path.write_text(f'provider = "incus"\n[incus]\n{table}')
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return incus_in_memory(monkeypatch)


@pytest.fixture
def up(server: Server) -> Server:
    """Two hosts that run."""
    open_provider().create()
    open_provider().start()
    server.changes.clear()
    return server


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Server:
    return incus_in_memory(
        monkeypatch,
        members={"m1": 4, "m2": 20, "m3": 9},
        groups={"m1": ["small"], "m2": ["big"], "m3": ["small"]},
    )


def bench(server: Server) -> Bench:
    def half_build() -> None:
        server.end_after(12)
        with pytest.raises(KeyboardInterrupt):
            open_provider().create()
        server.end_after(None)

    return Bench(open_provider, server.connect, half_build)


class TestIncusProvider(ProviderContract):
    @pytest.fixture
    def bench(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> Bench:
        # What a machine needs is tested in test_checks.py.
        monkeypatch.setattr(IncusProvider, "checks", lambda _self: ())
        return bench(server)


def record(server: Server, project: str = PROJECT) -> Record:
    return Record.model_validate_json(server.projects[project][RECORD])


def write(server: Server, text: str, name: str = "default") -> None:
    for endpoint in open_provider(name).endpoints().values():
        server.connect(endpoint).install([ManagedFile(NOTE, text)])


def notes(server: Server, project: str = PROJECT) -> list[str]:
    found = [server.instance(host, project).files.get(NOTE) for host in HOSTS]
    return ["" if file is None else file.content for file in found]


# -- making a lab ---------------------------------------------------------------------------


def test_each_host_has_its_own_keys_and_the_lab_pins_them(server: Server) -> None:
    open_provider().create()
    public = [server.instance(host).files["/etc/ssh/ssh_host_ed25519_key.pub"] for host in HOSTS]
    pinned = HOME().known_hosts.read_text().splitlines()
    assert pinned == [
        f"192.168.56.10{number} {file.content.strip()}" for number, file in enumerate(public, 1)
    ]
    private = server.instance("host1").files["/etc/ssh/ssh_host_ed25519_key"]
    assert (private.mode, private.owner) == (0o600, "0")
    machines = {server.instance(host).files["/etc/machine-id"].content for host in HOSTS}
    assert len(machines) == 2 and all(len(each) == 33 for each in machines)


def test_a_new_host_has_its_name_its_address_and_a_resolver(server: Server) -> None:
    open_provider().create()
    files = server.instance("host2").files
    assert files["/etc/hostname"].content == "host2\n"
    assert "192.168.56.102 host2.example2.jp host2\n" in files["/etc/hosts"].content
    assert files["/etc/resolv.conf"].content == "nameserver 10.9.8.1\n"
    assert open_provider().upstream_resolvers() == ("10.9.8.1",)
    network = files["/etc/systemd/network/10-host0.network"].content
    assert "Address=192.168.56.102/24\n" in network
    login = HOME().key_file.with_suffix(".pub").read_text()
    assert files["/root/.ssh/authorized_keys"].content == login


def test_no_two_instances_on_the_server_share_user_ids(up: Server) -> None:
    up.projects["others"] = {}
    up.instances["others", "host1"] = Instance("host1", "others", "", {}, {})
    open_provider("second").create()
    bases = [
        each.config["security.idmap.base"]
        for each in up.instances.values()
        if each.name in HOSTS and each.project != "others"
    ]
    assert len(set(bases)) == 4
    assert record(up).first_ids == {
        host: int(up.instance(host).config["security.idmap.base"]) for host in HOSTS
    }
    assert FIRST_ID in bases


def test_the_labs_bridge_has_no_address_and_the_way_out_lets_only_the_web_pass(up: Server) -> None:
    bridge = up.networks[record(up).network]["config"]
    assert (bridge["ipv4.address"], bridge["ipv6.address"]) == ("none", "none")
    out = up.networks["labctl-out"]["config"]
    assert out["security.acls"] == "labctl-out"
    assert out["security.acls.default.egress.action"] == "drop"
    assert out["security.acls.default.ingress.action"] == "drop"
    neighbours, web = up.acls["labctl-out"]["egress"]
    assert (neighbours["action"], neighbours["destination"]) == ("drop", "10.9.8.0/24")
    assert (web["action"], web["protocol"], web["destination_port"]) == ("allow", "tcp", "80,443")
    assert up.acls["labctl-out"]["ingress"] == []


def test_a_second_lab_shares_the_way_out_and_has_a_bridge_of_its_own(up: Server) -> None:
    open_provider("second").create()
    assert not [change for change in up.changes if "network-acls" in change]
    assert len(up.networks) == 3
    open_provider("second").destroy()
    assert set(up.networks) == {"labctl-out", record(up).network}
    assert dict(open_provider().status()) == dict.fromkeys(HOSTS, HostState.RUNNING)


def test_the_hosts_can_be_dialled_from_a_machine_beside_them(up: Server) -> None:
    machine = up.instance("machine")
    assert "lxc.net.0.ipv4.address = 192.168.56.1/24\n" in machine.config["raw.lxc"]
    assert set(machine.devices) == {"root", "lab"}
    assert machine.status == "Running"
    [endpoint, _other] = open_provider().endpoints().values()
    assert endpoint.neighbour[:3] == ("incus", "exec", "machine")
    open_provider().halt()
    assert machine.status == "Stopped"


def test_a_project_of_another_lab_is_left_alone(server: Server) -> None:
    server.projects[PROJECT] = {OWNER: "somebody"}
    with pytest.raises(WrongState) as refused:
        open_provider().create()
    assert PROJECT in refused.value.message
    bridge = bridge_of(PROJECT)
    server.networks[bridge] = {"config": {"user.labctl.project": PROJECT}, "status": "Created"}
    open_provider().destroy()
    assert server.projects[PROJECT] == {OWNER: "somebody"}
    assert bridge in server.networks


@pytest.mark.parametrize(
    ("pools", "table", "taken"),
    [
        (["fast"], "", "fast"),
        (["other", "default"], "", "default"),
        (["a", "b"], 'pool = "b"\n', "b"),
    ],
)
def test_the_pool_is_the_one_there_is_or_the_default_or_the_one_asked_for(
    server: Server, tmp_path: Path, pools: list[str], table: str, taken: str
) -> None:
    server.pools = pools
    open_provider(file=lab_file(tmp_path, table)).create()
    assert server.instance("host1").devices["root"]["pool"] == taken


def test_of_two_pools_without_a_default_the_user_must_choose(server: Server) -> None:
    server.pools = ["a", "b"]
    with pytest.raises(MachineLacks) as refused:
        open_provider().create()
    assert refused.value.cause == "a, b"


def test_without_an_image_the_machine_that_can_build_it_is_named(server: Server) -> None:
    server.images.clear()
    with pytest.raises(MachineLacks) as refused:
        open_provider().create()
    assert ("sudo", "labctl", "up", "--provider", "incus") in refused.value.hint.commands


def test_the_hosts_run_what_the_image_says(server: Server) -> None:
    for properties in server.images.values():
        properties["labctl.release"] = "trixie"
    assert open_provider().system == CODE_NAMES["trixie"]
    open_provider().create()
    server.is_down = True
    assert open_provider().system == CODE_NAMES["trixie"]


# -- interruptions --------------------------------------------------------------------------


def until_whole(server: Server, action: Callable[[], Any]) -> int:
    """Interrupt an action before each of its changes in turn, and then let it end."""
    count = 0
    while True:
        server.end_after(count)
        try:
            action()
        except KeyboardInterrupt:
            count += 1
            continue
        finally:
            server.end_after(None)
        return count


def test_a_create_that_was_interrupted_anywhere_is_made_again(server: Server) -> None:
    assert until_whole(server, lambda: open_provider().create()) > 20
    open_provider().start()
    assert [each.name for each in open_provider().checkpoints()] == ["os"]
    assert {name for _project, name in server.instances} == {*HOSTS, "machine"}


def test_a_restore_that_was_interrupted_anywhere_leaves_one_of_the_two_states(up: Server) -> None:
    write(up, "before")
    open_provider().save("contract")
    write(up, "after")
    for changes in range(60):
        up.end_after(changes)
        try:
            open_provider().restore("contract")
            break
        except KeyboardInterrupt:
            up.end_after(None)
            open_provider().start()
            assert notes(up) in (["before", "before"], ["after", "after"])
            write(up, "after")
    assert changes > 8
    up.end_after(None)
    assert notes(up) == ["before", "before"]
    assert record(up).restoring is None


def test_a_checkpoint_that_was_interrupted_leaves_no_snapshot_behind(up: Server) -> None:
    up.end_after(3)
    with pytest.raises(KeyboardInterrupt):
        open_provider().save("contract")
    up.end_after(None)
    open_provider().start()
    assert dict(open_provider().status()) == dict.fromkeys(HOSTS, HostState.RUNNING)
    assert [each.name for each in open_provider().checkpoints()] == ["os"]
    open_provider().save("contract")
    for host in HOSTS:
        assert set(up.instance(host).snapshots) == {
            each.snapshot for each in record(up).checkpoints
        }


def test_only_snapshots_of_labctl_are_ever_removed(up: Server) -> None:
    host = up.instance("host1")
    host.snapshots["mine"] = host.snapshot()
    open_provider().save("contract")
    open_provider().drop("contract")
    assert "mine" in host.snapshots
    assert len(host.snapshots) == 2


def test_hosts_stand_still_while_a_checkpoint_is_made(up: Server) -> None:
    open_provider().save("contract")
    snapshots = [n for n, each in enumerate(up.changes) if each.endswith("snapshots")]
    freezes = [n for n, each in enumerate(up.changes) if each.endswith(" freeze")]
    thaws = [n for n, each in enumerate(up.changes) if each.endswith("unfreeze")]
    assert len(freezes) == len(snapshots) == len(thaws) == 2
    assert max(freezes) < min(snapshots) and max(snapshots) < min(thaws)


def test_a_checkpoint_whose_snapshot_was_removed_is_told_and_nothing_is_touched(up: Server) -> None:
    open_provider().save("contract")
    saved = record(up).find("contract")
    assert saved is not None
    del up.instance("host2").snapshots[saved.snapshot]
    up.changes.clear()
    with pytest.raises(WrongState) as refused:
        open_provider().restore("contract", keep_as="kept")
    assert "host2" in refused.value.message and "host1" not in refused.value.message
    assert up.changes == []


# -- running --------------------------------------------------------------------------------


def test_a_host_that_ignores_the_shutdown_is_ended_by_force(up: Server) -> None:
    up.instance("host1").hangs = True
    open_provider().halt()
    assert set(open_provider().status().values()) == {HostState.STOPPED}
    forced = [change for change in up.changes if change == "PUT instances host1 state stop"]
    assert len(forced) == 2


def test_a_host_that_does_not_boot_is_told_with_its_last_lines(up: Server) -> None:
    open_provider().halt()
    up.instance("host2").fails_to_boot = True
    with pytest.raises(LabError) as failed:
        open_provider().start()
    assert failed.value.message == "host2 did not boot"
    assert failed.value.cause == "last words of host2"


def test_a_server_that_went_silent_is_not_a_host_that_does_not_boot(up: Server) -> None:
    open_provider().halt()
    up.goes_silent = True
    with pytest.raises(MachineLacks) as failed:
        open_provider().start()
    assert failed.value.message == "Incus cannot be reached (the default remote)"


def test_hosts_that_a_killed_labctl_left_frozen_run_again(up: Server) -> None:
    up.instance("host1").status = "Frozen"
    open_provider().start()
    assert set(open_provider().status().values()) == {HostState.RUNNING}
    up.instance("host2").status = "Frozen"
    open_provider().halt()
    assert set(open_provider().status().values()) == {HostState.STOPPED}


def test_a_host_that_somebody_removed_is_told(up: Server) -> None:
    open_provider().halt()
    del up.instances[PROJECT, "host2"]
    with pytest.raises(WrongState) as refused:
        open_provider().start()
    assert "host2" in refused.value.message
    assert refused.value.cause == f"in the project {PROJECT}: host1, machine"
    with pytest.raises(WrongState, match="host2"):
        open_provider().restore("os")


def test_new_limits_of_the_lab_file_are_set_by_the_next_start(up: Server, tmp_path: Path) -> None:
    changed = lab_file(tmp_path, "memory = 2048\ndisk = 20\nprocesses = 400\n")
    open_provider(file=changed).start()
    for host in HOSTS:
        config, devices = up.instance(host).config, up.instance(host).devices
        assert (config["limits.memory"], config["limits.processes"]) == ("2048MiB", "400")
        assert devices["root"]["size"] == "20GiB"
        assert "volatile.idmap.base" in config
    up.changes.clear()
    open_provider(file=changed).start()
    assert up.changes == []


def test_the_way_out_is_unplugged_until_it_is_opened_again(up: Server) -> None:
    open_provider().set_net(False)
    assert [set(up.instance(host).devices) for host in HOSTS] == [{"root", "lab"}] * 2
    # A checkpoint of open times brings the device back, and the lab stays closed.
    open_provider().restore("os")
    assert [set(up.instance(host).devices) for host in HOSTS] == [{"root", "lab"}] * 2
    open_provider().set_net(True)
    assert [set(up.instance(host).devices) for host in HOSTS] == [{"root", "lab", "out"}] * 2


def test_a_server_that_does_not_answer_is_no_absent_lab(up: Server) -> None:
    up.is_down = True
    provider = open_provider()
    assert dict(provider.status()) == dict.fromkeys(HOSTS, HostState.BROKEN)
    with pytest.raises(MachineLacks):
        provider.endpoints()


def test_destroy_removes_everything_but_what_labs_share(up: Server) -> None:
    open_provider().save("contract")
    open_provider().destroy()
    assert (up.instances, up.projects) == ({}, {})
    assert set(up.networks) == {"labctl-out"}
    assert not any((HOME().state / name).exists() for name in IncusProvider.traces)


def test_destroy_removes_the_bridge_of_a_project_that_somebody_removed(up: Server) -> None:
    up.projects.clear()
    up.instances.clear()
    open_provider().destroy()
    assert set(up.networks) == {"labctl-out"}


def test_destroy_leaves_a_network_that_only_has_the_name_of_the_bridge(up: Server) -> None:
    up.networks[bridge_of(PROJECT)]["config"].clear()
    open_provider().destroy()
    assert bridge_of(PROJECT) in up.networks


def test_destroy_leaves_what_somebody_else_put_into_the_project(up: Server) -> None:
    up.instances[PROJECT, "theirs"] = Instance("theirs", PROJECT, "", {}, {})
    with pytest.raises(WrongState) as refused:
        open_provider().destroy()
    assert refused.value.cause == "theirs"
    assert str(refused.value.hint).endswith(
        f"incus move theirs --project {PROJECT} --target-project default"
    )
    assert list(up.instances) == [(PROJECT, "theirs")]
    del up.instances[PROJECT, "theirs"]
    open_provider().destroy()
    assert up.projects == {}


def test_destroy_removes_instances_and_a_project_that_somebody_renamed(up: Server) -> None:
    up.projects["theirs"] = {OWNER: "somebody"}
    up.projects["renamed"] = up.projects.pop(PROJECT)
    for name in (*HOSTS, "machine"):
        moved = up.instances.pop((PROJECT, name))
        moved.project, moved.name = "renamed", f"old-{name}"
        up.instances["renamed", moved.name] = moved
    open_provider().destroy()
    assert up.instances == {}
    assert set(up.projects) == {"theirs"}
    assert set(up.networks) == {"labctl-out"}


def test_a_destroy_that_was_interrupted_anywhere_is_finished_by_the_next(server: Server) -> None:
    for changes in range(20):
        open_provider().create()
        server.end_after(changes)
        try:
            open_provider().destroy()
        except KeyboardInterrupt:
            server.end_after(None)
            open_provider().destroy()
        else:
            server.end_after(None)
            assert changes > 3
            return
        assert (server.instances, server.projects) == ({}, {})
        assert set(server.networks) == {"labctl-out"}
    raise AssertionError("destroy never ended")


def test_destroy_without_a_server_keeps_the_lab_and_says_how_to_forget_it(up: Server) -> None:
    up.is_down = True
    with pytest.raises(MachineLacks) as refused:
        open_provider().destroy()
    assert str(HOME().state) in refused.value.hint.text
    assert HOME().state.exists()


def test_a_way_out_that_a_killed_labctl_left_open_gets_its_access_list(server: Server) -> None:
    for changes in range(1, 20):
        server.networks.clear()
        server.acls.clear()
        server.end_after(changes)
        with pytest.raises(KeyboardInterrupt):
            open_provider().create()
        server.end_after(None)
        open_provider().create()
        out = server.networks["labctl-out"]["config"]
        assert out["security.acls"] == "labctl-out"
        assert len(server.acls["labctl-out"]["egress"]) == 2
        open_provider().destroy()
        if not [each for each in server.changes if each.startswith("POST instances")]:
            server.changes.clear()
            continue
        return


def test_a_network_of_somebody_else_without_an_access_list_is_no_way_out(server: Server) -> None:
    config = {"ipv4.address": "10.0.0.1/24", "ipv4.nat": "true"}
    server.networks["labctl-out"] = {"status": "Created", "config": config, "on": []}
    with pytest.raises(WrongState) as refused:
        open_provider().create()
    assert "labctl-out" in refused.value.message
    assert "way_out" in refused.value.hint.text
    assert server.networks["labctl-out"]["config"] == config
    # With one, the server's administrator has decided what leaves.
    config["security.acls"] = "theirs"
    assert open_provider().create()


# -- package sets ---------------------------------------------------------------------------


def volume(name: str, below: str) -> dict[str, Any]:
    files = {"/usr/sbin/named": ManagedFile("/usr/sbin/named", "program", 0o755)}
    return {"name": f"labctl-{name}", "config": {"user.labctl.below": below}, "files": files}


def test_a_package_set_is_copied_from_its_volume_once(up: Server) -> None:
    up.volumes = [volume("mail-7", "os-1"), volume("dns-7", "os-0"), volume("dns-8", "os-1")]
    assert open_provider().preinstall("dns") is True
    assert record(up).layers == ("os-1", "dns-8")
    for host in HOSTS:
        assert "/usr/sbin/named" in up.instance(host).files
        assert "layer" not in up.instance(host).devices
    # The new services begin with the next boot.
    assert set(open_provider().status().values()) == {HostState.STOPPED}
    assert open_provider().preinstall("dns") is False


def test_without_a_volume_the_hosts_install_the_packages_themselves(up: Server) -> None:
    assert open_provider().preinstall("dns") is False
    assert up.changes == []
    assert record(up).layers == ("os-1",)


def test_a_checkpoint_knows_the_package_sets_of_its_time(up: Server) -> None:
    up.volumes = [volume("dns-8", "os-1")]
    open_provider().preinstall("dns")
    open_provider().start()
    open_provider().save("dns")
    open_provider().restore("os")
    assert record(up).layers == ("os-1",)
    assert "/usr/sbin/named" not in up.instance("host1").files
    open_provider().restore("dns")
    assert record(up).layers == ("os-1", "dns-8")


# -- a copy of another lab ------------------------------------------------------------------


def test_a_copy_has_the_models_files_and_keys_of_its_own(up: Server) -> None:
    write(up, "from the model")
    open_provider().save("ready")
    copied = open_provider("copy")
    assert copied.create_like(HOME(), "ready") is True
    assert copied.create_like(HOME(), "ready") is False
    copied.start()
    assert notes(up, "labctl-copy") == ["from the model"] * 2
    for path in ("/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key"):
        found = {
            up.instance(host, project).files[path].content
            for host in HOSTS
            for project in (PROJECT, "labctl-copy")
        }
        assert len(found) == 4
    assert [each.name for each in copied.checkpoints()] == ["os", "ready"]
    # An older checkpoint brings the model's keys back, and labctl replaces them again.
    own = up.instance("host1", "labctl-copy").files["/etc/machine-id"]
    copied.restore("os")
    assert up.instance("host1", "labctl-copy").files["/etc/machine-id"] == own
    bases = {
        each.config["security.idmap.base"] for each in up.instances.values() if each.name in HOSTS
    }
    assert len(bases) == 4


def test_a_copy_that_was_interrupted_anywhere_is_made_again(up: Server) -> None:
    write(up, "from the model")
    open_provider().save("ready")
    until_whole(up, lambda: open_provider("copy").create_like(HOME(), "ready"))
    open_provider("copy").start()
    assert notes(up, "labctl-copy") == ["from the model"] * 2
    keys = "/etc/machine-id"
    assert up.instance("host1").files[keys] != up.instance("host1", "labctl-copy").files[keys]


@pytest.mark.parametrize("checkpoint", ["nothing", "before-reset"])
def test_only_a_checkpoint_of_up_can_be_copied(up: Server, checkpoint: str) -> None:
    open_provider().save("before-reset", origin="reset")
    with pytest.raises(WrongState) as refused:
        open_provider("copy").create_like(HOME(), checkpoint)
    assert checkpoint in refused.value.message


# -- a cluster ------------------------------------------------------------------------------


def locations(server: Server, project: str = PROJECT) -> set[str]:
    return {each.location for each in server.instances.values() if each.project == project}


@pytest.mark.parametrize(
    ("table", "member"),
    [("", "m2"), ('target = "m1"\n', "m1"), ('target = "@small"\n', "m3")],
)
def test_a_lab_is_made_on_one_member(
    cluster: Server, tmp_path: Path, table: str, member: str
) -> None:
    open_provider(file=lab_file(tmp_path, table)).create()
    assert locations(cluster) == {member}
    place = read_place(HOME())
    assert place is not None and place.member == member
    assert sorted(cluster.networks[record(cluster).network]["on"]) == ["m1", "m2", "m3"]


@pytest.mark.parametrize("target", ["m2", "@big", "m9", "@nothing"])
def test_a_member_that_does_not_answer_takes_no_lab(
    cluster: Server, tmp_path: Path, target: str
) -> None:
    cluster.offline = {"m2"}
    with pytest.raises(MachineLacks) as refused:
        open_provider(file=lab_file(tmp_path, f'target = "{target}"\n')).create()
    assert target in refused.value.cause


def test_a_server_in_no_cluster_has_no_members(up: Server, tmp_path: Path) -> None:
    with pytest.raises(MachineLacks, match="m2"):
        open_provider().move("m2")
    assert set(open_provider().status().values()) == {HostState.RUNNING}
    with pytest.raises(MachineLacks, match="m2"):
        open_provider("second", lab_file(tmp_path, 'target = "m2"\n')).create()


def test_no_lab_is_made_or_forgotten_while_a_member_is_down(cluster: Server) -> None:
    """Incus makes and removes networks on all members."""
    cluster.offline = {"m3"}
    with pytest.raises(MachineLacks) as refused:
        open_provider().create()
    assert "m3" in refused.value.cause and "m1" not in refused.value.cause
    cluster.offline = set()
    open_provider().create()
    cluster.offline = {"m3"}
    with pytest.raises(MachineLacks, match="member is down"):
        open_provider().destroy()
    assert HOME().state.exists()
    cluster.offline = set()
    open_provider().destroy()
    assert (cluster.projects, set(cluster.networks)) == ({}, {"labctl-out"})


def test_a_lab_moves_with_its_checkpoints_and_runs_again(cluster: Server) -> None:
    open_provider().create()
    open_provider().start()
    write(cluster, "kept")
    open_provider().save("contract")
    assert open_provider().move("m1") is True
    assert locations(cluster) == {"m1"}
    place = read_place(HOME())
    assert place is not None and place.member == "m1"
    assert set(open_provider().status().values()) == {HostState.RUNNING}
    assert open_provider().move("m1") is False
    open_provider().restore("contract")
    assert notes(cluster) == ["kept", "kept"]
    assert (record(cluster).member, record(cluster).moving) == ("m1", "")


def test_a_move_that_was_interrupted_anywhere_is_finished_by_the_next_command(
    cluster: Server,
) -> None:
    open_provider().create()
    open_provider().start()
    assert until_whole(cluster, lambda: open_provider().move("m1")) > 5
    open_provider().start()
    assert locations(cluster) == {"m1"}
    assert set(open_provider().status().values()) == {HostState.RUNNING}


def test_copies_on_another_member_are_taken_from_one_stock_there(
    cluster: Server, tmp_path: Path
) -> None:
    open_provider().create()
    open_provider().start()
    write(cluster, "from the model")
    open_provider().save("ready")
    file = lab_file(tmp_path, 'target = "m1"\n')
    for name in ("one", "two"):
        cluster.changes.clear()
        open_provider(name, file).create_like(HOME(), "ready")
        assert locations(cluster, f"labctl-{name}") == {"m1"}
        assert notes(cluster, f"labctl-{name}") == ["from the model"] * 2
    stock = [name for project, name in cluster.instances if project == PROJECT and "-on-" in name]
    # Nothing is sent over the network for the second lab: its hosts and its neighbour are all.
    assert cluster.changes.count("POST instances") == 3
    # One where the model is, without network interfaces, and its copy on the other member.
    assert sorted(stock) == ["host1-on-m1", "host1-on-m2", "host2-on-m1", "host2-on-m2"]
    open_provider().destroy()
    assert PROJECT not in cluster.projects


def test_a_lab_on_a_member_that_went_down_is_named_with_the_member(cluster: Server) -> None:
    open_provider().create()
    open_provider().start()
    for host in HOSTS:
        cluster.instance(host).status = "Error"
    with pytest.raises(MachineLacks) as refused:
        open_provider().start()
    assert "m2" in refused.value.message
    assert set(open_provider().status().values()) == {HostState.BROKEN}


def test_instances_on_a_silent_member_are_not_taken_for_somebody_elses(
    cluster: Server, tmp_path: Path
) -> None:
    """The stock for copies is on other members than the lab."""
    open_provider().create()
    open_provider().start()
    open_provider().save("ready")
    open_provider("one", lab_file(tmp_path, 'target = "m1"\n')).create_like(HOME(), "ready")
    cluster.instances[PROJECT, "host1-on-m1"].status = "Error"
    before = dict(cluster.instances)
    with pytest.raises(MachineLacks) as refused:
        open_provider().destroy()
    assert refused.value.message == "a cluster member does not answer: m1"
    assert str(refused.value.hint) == "incus cluster list"
    # A new lab could get user ids that are in use.
    with pytest.raises(MachineLacks):
        open_provider("two").create()
    assert {key for key in cluster.instances if key[0] != "labctl-two"} == set(before)


def test_a_remote_is_named_in_every_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = incus_in_memory(monkeypatch, remote="far")
    file = lab_file(tmp_path, 'remote = "far"\n')
    open_provider(file=file).create()
    open_provider(file=file).start()
    found: list[Endpoint] = list(open_provider(file=file).endpoints().values())
    assert [each.proxy_command[2] for each in found] == ["far:host1", "far:host2"]
    assert {server.connect(each).host.name for each in found} == set(HOSTS)


# -- what doctor and destroy ask ------------------------------------------------------------


def test_a_class_is_checked_with_the_options_of_the_lab(server: Server, tmp_path: Path) -> None:
    """The checks of one lab, and the room for all of them."""
    provider = open_provider(file=lab_file(tmp_path, 'pool = "fast"\n'))
    one = [check.code for check in provider.checks()]
    many = {check.code: check for check in provider.checks_of_many(300, 0, 20)}
    assert list(many) == [*one, "memory", "space"]
    machine = OtherMachine(
        answers={
            "incus query /1.0/storage-pools?recursion=1": '[{"name": "fast", "driver": "btrfs"}]',
            "incus query /1.0/images/aliases/labctl-ubuntu-example": '{"target": "abc"}',
            "incus remote list --format json": '{"local": {"Addr": "unix://"}}',
            "incus remote get-default": "local",
        },
        files={"/proc/sys/fs/inotify/max_user_instances": "9599\n"},
    )

    def said(code: str) -> Diagnosis:
        (found,) = run_checks([many[code]], machine)
        return found

    assert said("pool").what == "storage pool fast: btrfs"
    assert said("image").what == "the server has the image labctl-ubuntu-example"
    assert said("inotify").verdict is Verdict.WARNING
    assert said("memory").what.startswith("0 labs need 0 MB")


def test_only_images_are_kept_on_this_machine() -> None:
    assert dict(open_provider().folders()) == {"images": HOME().cache / "images"}
