"""NspawnProvider over containers in memory: the contract, and what is its own."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

from labctl.errors import LabError, WrongState
from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.providers.checks import run_checks
from labctl.providers.nspawn import NspawnProvider
from labctl.providers.nspawn.container import Container
from labctl.providers.nspawn.store import LayerStore, Record
from labctl.results import HostState
from tests.contract.provider_contract import HOSTS, Bench, ProviderContract
from tests.fakes.machine import OtherMachine
from tests.fakes.nspawn import Kernel, nspawn_in_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's")

HOME = partial(lab_home, "default")


def open_provider(name: str = "default") -> NspawnProvider:
    return NspawnProvider(load_lab(name), lab_home(name))


def record(name: str = "default") -> Record:
    found = LayerStore(lab_home(name).state).read()
    assert found is not None
    return found


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return nspawn_in_memory(monkeypatch)


@pytest.fixture
def up(kernel: Kernel) -> Kernel:
    """Two hosts that run."""
    open_provider().create()
    open_provider().start()
    kernel.calls.clear()
    return kernel


class TestNspawnProvider(ProviderContract):
    @pytest.fixture
    def bench(self, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> Bench:
        def killed(*_args: object) -> None:
            raise KeyboardInterrupt

        def half_build() -> None:
            with monkeypatch.context() as patch:
                patch.setattr(LayerStore, "write", killed)
                with pytest.raises(KeyboardInterrupt):
                    open_provider().create()

        return Bench(open_provider, kernel.connect, half_build)


def test_a_new_lab_pins_a_key_for_each_address(kernel: Kernel) -> None:
    open_provider().create()
    lines = HOME().known_hosts.read_text().splitlines()
    assert lines == ["192.168.56.101 ssh-ed25519 AAAA", "192.168.56.102 ssh-ed25519 AAAA"]
    login = HOME().key_file.with_suffix(".pub").read_text()
    [identity] = record().base.layers
    for host in HOSTS:
        assert (LayerStore(HOME().state).upper(identity, host) / "login").read_text() == login
    assert kernel.built == ["os-1"]
    assert record().base.image == ("os-1",)


def test_endpoints_are_of_root_at_the_labs_addresses(up: Kernel) -> None:
    endpoint = open_provider().endpoints()["host2"]
    assert (endpoint.address, endpoint.port, endpoint.user) == ("192.168.56.102", 22, "root")
    assert (endpoint.key, endpoint.known_hosts) == (HOME().key_file, HOME().known_hosts)


def test_a_boot_makes_the_network_first_and_waits_in_the_end(kernel: Kernel) -> None:
    open_provider().create()
    open_provider().start()
    assert kernel.calls[:5] == ["kill host1", "kill host2", "image os-1", "network", "limit"]
    assert kernel.calls[5:9] == ["mount host1", "start host1", "mount host2", "start host2"]
    assert sorted(kernel.calls[9:]) == ["wait host1", "wait host2"]


def test_a_network_that_this_machine_does_not_reach_is_told(kernel: Kernel) -> None:
    kernel.reachable = False
    said: list[tuple[str, str]] = []
    open_provider().create()
    open_provider().start(lambda host, what: said.append((host, what)))
    assert ("", "another network has these addresses") in said


def test_a_limit_that_is_not_in_force_is_told(kernel: Kernel) -> None:
    kernel.withheld = ["memory", "pids"]
    said = Heard()
    open_provider().create()
    open_provider().start(said)
    assert "the kernel cannot limit what a lab uses: memory, pids" in said


def test_an_up_that_has_nothing_to_start_tells_it_too(up: Kernel) -> None:
    up.reachable = False
    said = Heard()
    assert open_provider().start(said) is False
    assert said == ["another network has these addresses"]


def test_only_the_host_that_stopped_is_booted_and_the_other_is_asked(up: Kernel) -> None:
    open_provider().cut_power(["host2"])
    up.calls.clear()
    assert open_provider().start()
    assert "start host1" not in up.calls
    assert "kill host1" not in up.calls
    assert {"ask host1", "start host2"} <= set(up.calls)
    assert "ask host2" not in up.calls


def test_hosts_that_run_are_asked_and_the_network_put_right(up: Kernel) -> None:
    assert not open_provider().start()
    assert sorted(up.calls) == ["ask host1", "ask host2", "network"]


def test_a_host_whose_root_is_gone_is_broken_and_booted_again(up: Kernel) -> None:
    del up.mounts["host1"]
    assert open_provider().status()["host1"] is HostState.BROKEN
    assert open_provider().start()
    assert open_provider().status()["host1"] is HostState.RUNNING


def test_hosts_that_a_killed_labctl_left_frozen_go_on(up: Kernel) -> None:
    up.frozen.update(HOSTS)
    open_provider().start()
    assert up.frozen == set()


def test_a_missing_layer_is_named(up: Kernel) -> None:
    open_provider().halt()
    folder = HOME().cache / "images" / "os-1"
    folder.rmdir()
    with pytest.raises(WrongState) as refused:
        open_provider().start()
    assert "a layer of host1 is missing" in refused.value.message
    assert refused.value.cause == str(folder)


def test_a_host_is_mounted_on_its_layers_newest_first(up: Kernel) -> None:
    open_provider().save("ready")
    open_provider().restore("ready")
    store, kept = LayerStore(HOME().state), record()
    identity, saved = kept.base.layers
    assert up.mounts["host1"] == (
        store.upper(kept.top, "host1"),
        store.upper(saved, "host1"),
        store.upper(identity, "host1"),
        HOME().cache / "images" / "os-1",
    )


def test_overlayfs_works_in_the_layer_that_it_writes(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts: list[tuple[Path, ...]] = []

    def mount(target: Path, _lower: object, upper: Path, work: Path) -> None:
        mounts.append((target, upper, work))
        kernel.mounts[target.name] = (upper,)

    monkeypatch.setattr("labctl.providers.nspawn.provider.mount_overlay", mount)
    open_provider().create()
    open_provider().start()
    folder = HOME().state
    layer = folder / "layers" / record().top
    assert mounts == [
        (folder / "hosts" / host, layer / host / "upper", layer / host / "work") for host in HOSTS
    ]


class Heard(list[str]):
    """A progress callback that keeps the messages about the whole lab."""

    def __call__(self, host: str, message: str) -> None:
        if not host:
            self.append(message)


# -- packages -------------------------------------------------------------------------------


def test_package_sets_come_as_image_layers_below_the_hosts_own(up: Kernel) -> None:
    before, said = record(), Heard()
    assert open_provider().preinstall("dns", said) is True
    assert up.running == set()
    assert record().base.image == ("os-1", "dns-1")
    assert (record().base.layers, record().top) == (before.base.layers, before.top)
    assert said == ["building dns-1", "adding the packages of dns"]
    open_provider().start()
    assert open_provider().preinstall("mail") is True
    assert record().base.image == ("os-1", "dns-1", "mail-1")
    assert up.built == ["os-1", "dns-1", "mail-1"]


def test_package_sets_that_are_there_change_nothing(up: Kernel) -> None:
    open_provider().preinstall("mail")
    open_provider().start()
    assert open_provider().preinstall("mail") is False
    assert open_provider().preinstall("dns") is False
    assert up.running == set(HOSTS)


@pytest.mark.parametrize("name", ["var/lib/dpkg/status", "etc/passwd", "etc/group"])
def test_a_host_that_changed_what_a_set_brings_gets_it_by_apt(up: Kernel, name: str) -> None:
    file = LayerStore(HOME().state).upper(record().top, "host2") / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert open_provider().preinstall("dns") is False
    assert record().base.image == ("os-1",)


# -- checkpoints ----------------------------------------------------------------------------


def test_running_hosts_are_held_still_while_they_are_copied(up: Kernel) -> None:
    open_provider().save("ready")
    assert up.calls == ["freeze host1", "freeze host2"]
    assert up.frozen == set()


def test_stopped_hosts_are_copied_as_they_are(up: Kernel) -> None:
    open_provider().halt()
    up.calls.clear()
    open_provider().save("ready")
    assert up.calls == []


def test_a_host_that_cannot_be_held_still_leaves_no_checkpoint(up: Kernel) -> None:
    up.fails["freeze host2"] = LabError("busy")
    with pytest.raises(LabError, match="busy"):
        open_provider().save("ready")
    assert up.frozen == set()
    assert record().find("ready") is None


def test_a_restore_pulls_the_plugs_and_looks_at_the_layers_meanwhile(up: Kernel) -> None:
    open_provider().restore("os")
    ended = up.calls.index("image os-1")
    assert {"look os-1", "kill host1", "kill host2"} <= set(up.calls[:ended])


def test_the_size_of_a_checkpoint_is_measured(up: Kernel) -> None:
    top = LayerStore(HOME().state).upper(record().top, "host1")
    (top / "file").write_bytes(b"x" * 100_000)
    open_provider().save("ready")
    [_os, measured] = open_provider().checkpoints(measured=True)
    assert measured.size >= 100_000
    assert [info.size for info in open_provider().checkpoints()] == [0, 0]


def test_a_large_file_counts_for_the_first_checkpoint_that_has_it(up: Kernel) -> None:
    """Restored by an undo, it is in a lower layer of the next state before a reset."""
    top = LayerStore(HOME().state).upper(record().top, "host1")
    (top / "file").write_bytes(b"x" * 100_000)
    open_provider().restore("os", keep_as="first")
    open_provider().restore("first", keep_as="second")
    open_provider().restore("os", keep_as="third")

    def large() -> list[str]:
        every = open_provider().checkpoints(measured=True)
        return [info.name for info in every if info.size >= 100_000]

    assert large() == ["first"]
    open_provider().drop("first")
    assert large() == ["third"]
    open_provider().drop("third")
    assert large() == []
    assert LayerStore(HOME().state).size_of_all().used < 100_000


# -- a copy of another lab ------------------------------------------------------------------


def prepared(kernel: Kernel) -> Bench:
    """A model that was saved as `ready` with a note, went on from there, and is stopped."""
    model = Bench(open_provider, kernel.connect, lambda: None)
    model.write("from the model")
    open_provider().save("ready")
    model.write("later")
    open_provider().save("before-reset", origin="reset")
    open_provider().halt()
    return model


def test_a_copy_has_the_models_files_and_an_identity_of_its_own(up: Kernel) -> None:
    prepared(up)
    copied = Bench(partial(open_provider, "copy"), up.connect, lambda: None)
    assert open_provider("copy").create_like(HOME(), "ready") is True
    assert copied.names() == ["os", "ready"]
    copied.open().start()
    assert copied.read() == ["from the model"] * 2
    pinned = lab_home("copy").known_hosts.read_text().splitlines()
    assert [line.split()[0] for line in pinned] == ["192.168.56.101", "192.168.56.102"]
    login = lab_home("copy").key_file.with_suffix(".pub").read_text()
    assert login != HOME().key_file.with_suffix(".pub").read_text()
    store = LayerStore(lab_home("copy").state)
    for stack in (record("copy").current, *(each.stack for each in record("copy").checkpoints)):
        assert stack.image == ("os-1",)
        for host in HOSTS:
            assert (store.upper(stack.layers[0], host) / "login").read_text() == login


def test_a_copy_and_its_model_do_not_share_what_they_write_later(up: Kernel) -> None:
    model = prepared(up)
    copied = Bench(partial(open_provider, "copy"), up.connect, lambda: None)
    open_provider("copy").create_like(HOME(), "ready")
    copied.open().start()
    copied.write("of the copy")
    copied.open().restore("os")
    assert copied.read() == ["", ""]
    copied.open().destroy()
    model.open().start()
    assert model.read() == ["later", "later"]
    model.open().restore("ready")
    assert model.read() == ["from the model"] * 2


def test_a_lab_that_is_there_is_not_made_a_copy(up: Kernel) -> None:
    prepared(up)
    open_provider("copy").create()
    before = record("copy")
    assert open_provider("copy").create_like(HOME(), "ready") is False
    assert record("copy") == before


@pytest.mark.parametrize("name", ["default", "never-made"])
def test_a_copy_of_a_checkpoint_that_is_not_there_makes_no_lab(up: Kernel, name: str) -> None:
    with pytest.raises(WrongState, match=f"the lab {name} has no checkpoint ready"):
        open_provider("copy").create_like(lab_home(name), "ready")
    assert not lab_home("copy").state.joinpath("nspawn.json").exists()


# -- the network ----------------------------------------------------------------------------


def test_the_way_out_is_open_at_first_and_shut_while_hosts_run(up: Kernel) -> None:
    assert up.filters[-1] is not None
    open_provider().set_net(False)
    assert up.filters[-1] is None
    assert open_provider().start() is False
    assert up.filters[-1] is None
    open_provider().set_net(True)
    assert up.filters[-1] is not None


def test_the_way_out_of_a_stopped_lab_is_set_at_the_next_start(up: Kernel) -> None:
    open_provider().halt()
    up.filters.clear()
    open_provider().set_net(False)
    assert up.filters == []
    open_provider().start()
    assert up.filters == [None]


# -- stopping -------------------------------------------------------------------------------


def test_halt_shuts_the_hosts_down_before_their_network(up: Kernel) -> None:
    open_provider().halt()
    assert up.calls[-1] == "no network"
    assert {"halt host1", "halt host2"} <= set(up.calls)


def test_only_the_named_host_loses_its_power(up: Kernel) -> None:
    open_provider().cut_power(["host2"])
    assert up.calls == ["kill host2"]


def test_destroy_finds_hosts_that_the_lab_file_does_not_name(up: Kernel) -> None:
    up.lost.add("host0")
    up.running.add("host0")
    open_provider().destroy()
    assert up.running == set()
    assert "sweep" in up.calls
    assert not any((HOME().state / name).exists() for name in NspawnProvider.traces)


def test_an_error_of_one_host_is_raised_when_all_are_done(up: Kernel) -> None:
    up.fails["halt host1"] = LabError("stuck")
    with pytest.raises(LabError, match="stuck"):
        open_provider().halt()
    assert "halt host2" in up.calls


def test_progress_names_what_is_done_on_each_host(kernel: Kernel) -> None:
    said: list[tuple[str, str]] = []
    open_provider().create()
    open_provider().start(lambda host, what: said.append((host, what)))
    open_provider().restore("os", lambda host, what: said.append((host, what)))
    open_provider().preinstall("dns", lambda host, what: said.append((host, what)))
    open_provider().halt(lambda host, what: said.append((host, what)))
    for host in HOSTS:
        words = ["booting", "going back to os", "booting", "stopping"]
        assert [what for where, what in said if where == host] == words
    assert ("", "adding the packages of dns") in said


def test_the_folders_are_those_of_images_and_layers() -> None:
    assert dict(open_provider().folders()) == {
        "images": HOME().cache / "images",
        "layers": HOME().state / "layers",
    }


def test_every_host_of_a_class_counts(kernel: Kernel) -> None:
    """Limits are for all hosts, memory for those to start, disk for new ones."""
    every = {check.code: check for check in open_provider().checks_of_many(30, 10, 5)}
    files = {"/proc/sys/kernel/pid_max": "4194304\n"}
    machine = OtherMachine(is_root=True, files=files)
    (limits,) = run_checks([every["kernel-limits"]], machine)
    (memory,) = run_checks([every["memory"]], machine)
    assert "60 hosts" in limits.what
    (disk,) = run_checks([every["disk"]], machine)
    assert "20 more hosts" in memory.what
    assert "10 more hosts" in disk.what


def test_the_budget_of_a_lab_is_that_of_its_hosts_together(tmp_path: Path) -> None:
    file = tmp_path / "labctl.toml"
    file.write_text("disk = 3\n")
    provider = NspawnProvider(load_lab("default", file), HOME())
    (check,) = [each for each in provider.checks() if each.code == "disk-budget"]
    (said,) = run_checks([check], OtherMachine())
    assert said.measured == {"used": 0, "allowed": 2 * 3 * 1024**3}


@pytest.mark.parametrize(("running", "count"), [([], 2), (["host1"], 1)])
def test_hosts_that_do_not_run_yet_are_counted(
    monkeypatch: pytest.MonkeyPatch, running: list[str], count: int
) -> None:
    monkeypatch.setattr(Container, "running", property(lambda each: each.host in running))
    provider = NspawnProvider(load_lab("default"), HOME())
    (check,) = [each for each in provider.checks() if each.code == "inotify"]
    monkeypatch.setattr("labctl.providers.nspawn.checks.inotify_in_use", lambda: 1000)
    (said,) = run_checks([check], OtherMachine(is_root=True))
    assert said.what == f"too few inotify instances; hosts to start: {count}"
