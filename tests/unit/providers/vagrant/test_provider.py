"""VagrantProvider over machines in memory: the contract, and what is Vagrant's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import CommandFailed, LabError, WrongState, WrongUsage
from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.managed import ManagedFile
from labctl.providers.vagrant import VagrantProvider, peer
from labctl.providers.vagrant.machines import Machines
from labctl.providers.vagrant.meaning import Locked, NoBoot
from labctl.providers.vagrant.record import read_record
from labctl.results import HostState
from tests.contract.provider_contract import HOSTS, Bench, ProviderContract
from tests.fakes.vagrant import Boxes, FakeVagrant, vagrant_in_memory

HOME = partial(lab_home, "default")
PROBE = "labctl.providers.vagrant.connections.answers"


def open_provider() -> VagrantProvider:
    return VagrantProvider(load_lab("default"), HOME())


class TestVagrantProvider(ProviderContract):
    @pytest.fixture
    def bench(self, boxes: Boxes) -> Bench:
        def half_build() -> None:
            boxes.interrupts.add("ssh-config")
            with pytest.raises(KeyboardInterrupt):
                open_provider().create()
            boxes.interrupts.clear()

        return Bench(open_provider, boxes.connect, half_build)


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> Boxes:
    return vagrant_in_memory(monkeypatch)


@pytest.fixture
def up(boxes: Boxes) -> Boxes:
    """Two machines that run."""
    open_provider().create()
    boxes.calls.clear()
    return boxes


def snapshot_of(checkpoint: str) -> str:
    record = read_record(HOME())
    assert record is not None
    saved = record.find(checkpoint)
    assert saved is not None
    return saved.snapshot


def way_out(boxes: Boxes, host: str) -> str:
    """The rules that the host got last."""
    return [ran for ran in boxes.hosts[host].ran if "table inet labctl" in ran.words[-1]][-1].words[
        -1
    ]


def test_a_new_lab_pins_what_its_machines_showed(up: Boxes) -> None:
    record = read_record(HOME())
    assert record is not None
    assert record.resolvers == ("10.0.2.3",) == open_provider().upstream_resolvers()
    assert {name: machine.port for name, machine in record.machines.items()} == {
        "host1": 2201,
        "host2": 2202,
    }
    assert "[127.0.0.1]:2201 ssh-ed25519 AAAAhost1" in HOME().known_hosts.read_text()
    endpoint = open_provider().endpoints()["host2"]
    assert (endpoint.address, endpoint.port, endpoint.user) == ("127.0.0.1", 2202, "root")


def test_a_machine_without_a_host_key_is_refused(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fakes.vagrant.FakeVagrant.shell", lambda *_args: "no key here\n")
    with pytest.raises(WrongState) as refused:
        open_provider().create()
    assert "host1 was not set up completely" in refused.value.message
    assert refused.value.cause == "no key here\n"


def test_before_the_first_boot_virtualboxs_own_name_server_is_known(boxes: Boxes) -> None:
    assert open_provider().upstream_resolvers() == ("10.0.2.3",)


def test_only_the_machine_that_is_silent_is_booted(up: Boxes) -> None:
    open_provider().cut_power(["host2"])
    up.calls.clear()
    assert open_provider().start()
    assert [call for call in up.calls if call.startswith("up")] == ["up host2"]
    assert "systemctl is-system-running --wait" in up.hosts["host1"].commands()


def test_a_new_port_after_a_boot_is_found(up: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    open_provider().halt()
    up.port = 2300
    # The old port leads nowhere.
    monkeypatch.setattr(PROBE, lambda machine: machine.port > 2300)
    open_provider().start()
    assert open_provider().endpoints()["host1"].port == 2301
    assert "[127.0.0.1]:2301" in HOME().known_hosts.read_text()


def test_a_machine_that_is_gone_is_not_made_anew(up: Boxes) -> None:
    open_provider().halt()
    up.states["host2"] = "not_created"
    for action in (open_provider().start, lambda: open_provider().restore("os")):
        with pytest.raises(WrongState) as refused:
            action()
        assert "host2" in refused.value.message
    assert not [call for call in up.calls if call.startswith("up")]


def test_a_save_that_fails_on_one_machine_leaves_no_snapshot(up: Boxes) -> None:
    before = {name: set(kept) for name, kept in up.snapshots.items()}
    up.refuses.add("snapshot save host2")
    with pytest.raises(CommandFailed):
        open_provider().save("ready")
    assert {name: set(kept) for name, kept in up.snapshots.items()} == before
    assert [info.name for info in open_provider().checkpoints()] == ["os"]


def test_a_snapshot_that_cannot_be_deleted_yet_goes_later(up: Boxes) -> None:
    open_provider().save("ready")
    old = snapshot_of("ready")
    up.refuses.add("snapshot delete host1")
    open_provider().drop("ready")
    assert old in up.snapshots["host1"]
    assert old not in up.snapshots["host2"]
    assert [info.name for info in open_provider().checkpoints()] == ["os"]
    up.refuses.clear()
    open_provider().save("other")
    assert old not in up.snapshots["host1"]
    record = read_record(HOME())
    assert record is not None
    assert record.stale == ()


def test_a_replaced_checkpoint_leaves_no_snapshot_behind(up: Boxes) -> None:
    open_provider().save("ready")
    old = snapshot_of("ready")
    open_provider().save("ready")
    assert [old in kept for kept in up.snapshots.values()] == [False, False]
    assert snapshot_of("ready") in up.snapshots["host1"]


def test_a_restore_touches_no_machine_if_one_has_lost_the_snapshot(up: Boxes) -> None:
    open_provider().save("ready")
    del up.snapshots["host2"][snapshot_of("ready")]
    with pytest.raises(WrongState) as refused:
        open_provider().restore("ready", keep_as="kept")
    assert "ready is missing on host2" in refused.value.message
    assert snapshot_of("ready") in refused.value.cause
    assert not [call for call in up.calls if call.startswith("snapshot restore")]
    assert [info.name for info in open_provider().checkpoints()] == ["os", "ready"]


def test_a_restore_sets_clock_and_way_out_of_every_machine(up: Boxes) -> None:
    open_provider().set_net(False)
    open_provider().save("ready")
    for host in HOSTS:
        up.hosts[host].ran.clear()
    open_provider().restore("ready")
    for host in HOSTS:
        [ran] = up.hosts[host].ran
        assert float(ran.words[-2]) > 1_000_000_000
        assert "accept" in way_out(up, host)
        assert "dport { 53, 80, 443 }" not in way_out(up, host)


def test_the_way_out_is_shut_and_opened(up: Boxes) -> None:
    assert "dport { 53, 80, 443 }" in way_out(up, "host1")
    open_provider().set_net(False)
    assert "dport { 53, 80, 443 }" not in way_out(up, "host1")
    assert up.hosts["host1"].ran[-1].words[-2] == ""
    open_provider().set_net(True)
    assert "dport { 53, 80, 443 }" in way_out(up, "host2")


def test_the_way_out_of_a_stopped_lab_is_set_later(up: Boxes) -> None:
    open_provider().halt()
    open_provider().set_net(False)
    record = read_record(HOME())
    assert record is not None
    assert not record.net_open


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("poweroff", HostState.STOPPED),
        ("saved", HostState.STOPPED),
        ("shutoff", HostState.STOPPED),
        ("running", HostState.BROKEN),
        ("aborted", HostState.STOPPED),
        ("aborted-saved", HostState.STOPPED),
        ("paused", HostState.STOPPED),
        ("crashed", HostState.STOPPED),
        ("pmsuspended", HostState.STOPPED),
        ("gurumeditation", HostState.BROKEN),
        ("not_created", HostState.ABSENT),
    ],
)
def test_vagrants_word_for_a_machine_that_does_not_answer(
    up: Boxes, word: str, state: HostState
) -> None:
    up.hosts["host2"].running = False
    up.states["host2"] = word
    assert dict(open_provider().status()) == {"host1": HostState.RUNNING, "host2": state}


def test_a_vagrant_that_fails_is_a_broken_lab_and_no_error(up: Boxes) -> None:
    up.hosts["host2"].running = False
    up.refuses.add("status")
    assert set(open_provider().status().values()) == {HostState.BROKEN}


def test_a_record_that_cannot_be_read_does_not_hide_the_machines(up: Boxes) -> None:
    (HOME().state / "vagrant.json").write_text("{")
    assert dict(open_provider().status()) == dict.fromkeys(HOSTS, HostState.BROKEN)


def test_halt_stops_and_cut_power_forces(up: Boxes) -> None:
    open_provider().halt()
    open_provider().cut_power(["host1"])
    assert sorted(up.calls) == ["halt host1", "halt host1 --force", "halt host2"]


def test_destroy_removes_a_machine_that_vagrant_lost_sight_of(boxes: Boxes) -> None:
    boxes.unregistered.add("labctl-default-host1")
    open_provider().destroy()
    assert boxes.unregistered == set()
    assert "destroy" not in boxes.calls


def test_machines_are_emulated_if_kvm_runs_none(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "kvm").touch()
    monkeypatch.setattr("labctl.providers.vagrant.provider.KVM", tmp_path / "kvm")
    tried: list[float] = []
    boot = FakeVagrant.boot

    def boot_without_kvm(self: FakeVagrant, machine: str | None = None, limit: float = 0) -> None:
        tried.append(limit)
        if len(tried) == 1:
            raise NoBoot("QEMU cannot start a machine")
        boot(self, machine)

    monkeypatch.setattr(FakeVagrant, "boot", boot_without_kvm)
    lab = load_lab("default")
    choices = lab.choices.model_validate({"hypervisor": "libvirt"})
    made = VagrantProvider(lab.model_copy(update={"choices": choices}), HOME())
    said: list[str] = []
    made.create(lambda _host, what: said.append(what))
    assert tried == [120.0, 0]
    assert any("emulated" in what for what in said)
    settings = json.loads((HOME().state / "vagrant" / "lab.json").read_text(encoding="utf-8"))
    assert settings["emulated"] is True


def machines() -> Machines:
    """The machines of the lab, over the Vagrant in memory."""
    home = HOME()
    vagrant: Any = FakeVagrant(home.state, "virtualbox", home.logs)
    return Machines(load_lab("default"), home, vagrant, "virtualbox")


# -- machines in a bad state -------------------------------------------------------------------


def test_machines_of_an_interrupted_up_are_removed_before_others_are_made(boxes: Boxes) -> None:
    boxes.interrupts.add("up")
    with pytest.raises(KeyboardInterrupt):
        open_provider().create()
    boxes.interrupts.clear()
    boxes.unregistered.add("labctl-default-host1")
    boxes.calls.clear()
    open_provider().create()
    assert boxes.unregistered == set()
    assert boxes.calls.count("up") == 1


def test_machines_that_a_killed_up_left_running_are_not_trusted(boxes: Boxes) -> None:
    boxes.interrupts.add("ssh host1")
    with pytest.raises(KeyboardInterrupt):
        open_provider().create()
    boxes.interrupts.clear()
    boxes.calls.clear()
    open_provider().create()
    assert boxes.calls.index("destroy") < boxes.calls.index("up")


def test_a_port_that_a_killed_vagrant_claimed_costs_no_second_restore(
    up: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[str] = []
    monkeypatch.setattr("labctl.providers.vagrant.machines.release_ports", released.append)
    up.ports_taken = 1
    machines().restore("host1", snapshot_of("os"))
    assert released == ["default"]
    assert up.calls == [f"snapshot restore host1 {snapshot_of('os')}", "up host1"]
    assert up.states["host1"] == "running"


def test_a_port_that_another_program_has_costs_the_saved_memory_only(up: Boxes) -> None:
    up.ports_taken = 3
    machines().restore("host1", snapshot_of("os"))
    assert up.calls[-2:] == ["halt host1 --force", "up host1"]
    assert up.states["host1"] == "running"


COLD = ["halt host1 --force", "up host1"]


@pytest.mark.parametrize(
    ("trouble", "goes_on"),
    [
        (NoBoot("a machine did not boot in time"), True),
        (CommandFailed("vagrant", 1, "the saved memory cannot be read"), True),
        # Another program works with the machine: a cold boot would not help.
        (Locked("VirtualBox has locked a machine"), False),
    ],
)
@pytest.mark.parametrize("state", ["saved", "aborted-saved"])
def test_what_keeps_a_machine_from_its_saved_memory(
    up: Boxes, trouble: LabError, goes_on: bool, state: str
) -> None:
    ways: tuple[Callable[[], None], ...] = (
        lambda: machines().restore("host1", snapshot_of("os")),
        lambda: machines().boot("host1"),
    )
    for begin in ways:
        open_provider().halt()
        up.states["host1"] = state
        up.trouble = [trouble]
        up.calls.clear()
        if not goes_on:
            with pytest.raises(Locked):
                begin()
            assert not [call for call in up.calls if call.startswith("halt")]
            continue
        begin()
        assert [call for call in up.calls if call in COLD][-2:] == COLD
        assert up.states["host1"] == "running"


def test_a_machine_that_is_not_at_the_snapshot_is_not_started(up: Boxes) -> None:
    up.refuses.add("snapshot restore host1")
    with pytest.raises(CommandFailed):
        machines().restore("host1", snapshot_of("os"))
    assert up.calls == [f"snapshot restore host1 {snapshot_of('os')}", "status host1"]


def test_saved_memory_that_vagrant_would_not_discard_is_discarded(up: Boxes) -> None:
    up.states["host1"] = "aborted-saved"
    machines().boot("host1")
    assert up.discarded == ["labctl-default-host1"]
    assert up.calls[-1] == "up host1"


def test_libvirt_is_never_asked_as_virtualbox_is(up: Boxes) -> None:
    vagrant: Any = FakeVagrant(HOME().state, "libvirt", HOME().logs)
    up.unregistered.add("labctl-default-host2")
    others = Machines(load_lab("default"), HOME(), vagrant, "libvirt")
    others.reboot("host1")
    assert not [call for call in up.calls if call.startswith("controlvm")]
    others.remove()
    assert up.unregistered == {"labctl-default-host2"}


def test_machines_that_vagrant_cannot_remove_are_removed_in_virtualbox(up: Boxes) -> None:
    up.refuses.add("destroy")
    up.unregistered.add("labctl-default-host2")
    machines().remove()
    assert up.unregistered == set()
    up.hosts.clear()
    with pytest.raises(CommandFailed):
        machines().remove()


def test_data_is_flushed_to_the_disks_before_a_snapshot(up: Boxes) -> None:
    for host in HOSTS:
        up.hosts[host].ran.clear()
    open_provider().save("ready")
    for host in HOSTS:
        (flushed,) = up.hosts[host].ran
        assert flushed.words == ("flush.sh",)


def test_a_reset_whose_last_step_failed_is_completed_by_the_next_command(
    up: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise CommandFailed("date", 1, "host2 does not answer over SSH")

    monkeypatch.setattr("labctl.providers.vagrant.connections.ANSWER_SECONDS", 0)
    with monkeypatch.context() as patch, pytest.raises(CommandFailed):
        patch.setattr("labctl.providers.vagrant.way_out.set_way_out", fail)
        open_provider().restore("os")
    up.calls.clear()
    for host in HOSTS:
        up.hosts[host].ran.clear()
    assert open_provider().endpoints()
    assert not [call for call in up.calls if call.startswith("snapshot")]
    for host in HOSTS:
        (ran,) = up.hosts[host].ran
        assert float(ran.words[-2]) > 1_000_000_000
    record = read_record(HOME())
    assert record is not None
    assert record.unfinished is None


def test_a_reset_that_a_power_failure_ended_is_completed_by_the_next_command(
    up: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both machines were at the snapshot already, and their data has changed since."""
    monkeypatch.setattr("labctl.providers.vagrant.connections.ANSWER_SECONDS", 0)
    up.interrupts.add("ssh-config")
    with pytest.raises(KeyboardInterrupt):
        open_provider().restore("os")
    up.interrupts.clear()
    up.hosts["host2"].running = False
    up.states["host2"] = "aborted"
    up.calls.clear()
    assert open_provider().start()
    assert [call for call in up.calls if call.startswith("snapshot restore")] == [
        f"snapshot restore host2 {snapshot_of('os')}"
    ]
    assert set(open_provider().endpoints()) == set(HOSTS)


def test_the_snapshot_of_a_save_that_was_killed_goes_with_the_next_save(
    up: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: set(kept) for name, kept in up.snapshots.items()}
    save = FakeVagrant.save_snapshot

    def killed_after_the_first(self: FakeVagrant, machine: str, name: str) -> None:
        if machine != "host1":
            raise KeyboardInterrupt
        save(self, machine, name)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FakeVagrant, "save_snapshot", killed_after_the_first)
        open_provider().save("dns")
    assert set(up.snapshots["host1"]) > before["host1"]
    assert [info.name for info in open_provider().checkpoints()] == ["os"]
    open_provider().save("ready")
    now = {name: set(kept) for name, kept in up.snapshots.items()}
    assert now == {name: kept | {snapshot_of("ready")} for name, kept in before.items()}
    record = read_record(HOME())
    assert record is not None
    assert record.stale == ()


@pytest.mark.parametrize("word", ["gurumeditation", "stuck", "livesnapshotting", "stopping"])
def test_a_machine_in_a_state_that_vagrant_cannot_start_loses_its_power_first(
    up: Boxes, word: str
) -> None:
    up.hosts["host2"].running = False
    up.states["host2"] = word
    assert open_provider().start()
    asked = [call for call in up.calls if "host2" in call and "status" not in call]
    assert asked == ["controlvm host2 poweroff", "halt host2 --force", "up host2"]


NOTE = "/root/note"


def write(boxes: Boxes, text: str) -> None:
    for host in HOSTS:
        boxes.hosts[host].files[NOTE] = ManagedFile(NOTE, text)


def notes(boxes: Boxes) -> list[str]:
    return [boxes.hosts[host].files[NOTE].content for host in HOSTS]


def killed(boxes: Boxes, calls: int, action: Callable[[], object]) -> bool:
    """Do something, and kill labctl after so many calls of Vagrant. False if it ended before."""
    boxes.left = calls
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        boxes.left = None
    return False


def test_a_reset_that_was_killed_at_any_moment_is_done_as_a_whole_or_not_at_all(
    up: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.providers.vagrant.connections.ANSWER_SECONDS", 0)
    write(up, "before")
    open_provider().save("ready")
    for calls in range(60):
        write(up, "after")
        if not killed(up, calls, lambda: open_provider().restore("ready", keep_as="kept")):
            break
        open_provider().start()
        assert notes(up) in (["before", "before"], ["after", "after"]), calls
        assert set(open_provider().endpoints()) == set(HOSTS)
        # Whatever was saved in vain goes with the next save.
        open_provider().save("other")
        record = read_record(HOME())
        assert record is not None
        for host in HOSTS:
            assert set(up.snapshots[host]) == {each.snapshot for each in record.checkpoints}
    assert 8 < calls < 59
    assert notes(up) == ["before", "before"]


def test_a_first_up_that_was_killed_at_any_moment_is_done_again(boxes: Boxes) -> None:
    for calls in range(60):
        if not killed(boxes, calls, lambda: open_provider().create()):
            break
        # The same must be right if the machines are removed instead.
        if calls % 2:
            open_provider().destroy()
            assert boxes.hosts == {}
    assert 5 < calls < 59
    assert [info.name for info in open_provider().checkpoints()] == ["os"]
    assert dict(open_provider().status()) == dict.fromkeys(HOSTS, HostState.RUNNING)
    for host in HOSTS:
        assert set(boxes.snapshots[host]) == {snapshot_of("os")}


def test_a_start_that_was_killed_at_any_moment_is_completed_by_the_next(
    up: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.providers.vagrant.connections.ANSWER_SECONDS", 0)
    for calls in range(40):
        open_provider().halt()
        if not killed(up, calls, lambda: open_provider().start()):
            break
        open_provider().start()
        assert set(open_provider().endpoints()) == set(HOSTS)
    assert 3 < calls < 39


def test_packages_are_left_to_apt(up: Boxes) -> None:
    assert open_provider().preinstall("dns") is False


def test_a_finished_lab_is_not_touched_by_another_create(up: Boxes) -> None:
    assert open_provider().create() is False
    assert up.calls == []


def test_progress_names_what_is_done_on_each_machine(boxes: Boxes) -> None:
    said: list[tuple[str, str]] = []
    open_provider().create(lambda host, what: said.append((host, what)))
    open_provider().halt(lambda host, what: said.append((host, what)))
    open_provider().start(lambda host, what: said.append((host, what)))
    open_provider().restore("os", lambda host, what: said.append((host, what)))
    open_provider().destroy(lambda host, what: said.append((host, what)))
    for host in HOSTS:
        words = ["preparing", "stopping", "booting", "going back to os", "waiting for SSH"]
        words += ["removing"]
        assert [what for where, what in said if where == host] == words


def test_the_hypervisor_of_the_lab_is_named_to_vagrant(up: Boxes) -> None:
    record = read_record(HOME())
    assert record is not None
    assert record.hypervisor == "virtualbox"
    folder = HOME().state / "vagrant" / ".vagrant" / "machines"
    assert (folder / "host1" / "virtualbox" / "id").exists()


def test_on_an_internal_network_each_host_is_dialled_by_the_other(
    up: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_provider().endpoints()["host1"].neighbour == ()
    lab = load_lab("default")
    choices = lab.choices.model_validate({"vagrant": {"net": "internal"}})
    provider = VagrantProvider(lab.model_copy(update={"choices": choices}), HOME())
    words = provider.endpoints()["host1"].neighbour
    asked: list[list[str]] = []

    def run_on_terminal(argv: list[str]) -> int:
        asked.append(argv)
        return 7

    monkeypatch.setattr(peer, "interactive", run_on_terminal)
    assert peer.main([*words[words.index(peer.__name__) + 1 :], "true", "a b"]) == 7
    (argv,) = asked
    assert argv[argv.index("-p") + 1] == "2202"
    assert argv[-1].endswith("true 'a b'")


@pytest.mark.parametrize("bridge", ["", "eth0"])
def test_a_bridge_has_to_be_named(bridge: str) -> None:
    lab = load_lab("default")
    choices = lab.choices.model_validate({"vagrant": {"net": "bridge", "bridge": bridge}})
    provider = VagrantProvider(lab.model_copy(update={"choices": choices}), HOME())
    if bridge:
        assert provider.options.bridge == "eth0"
    else:
        with pytest.raises(WrongUsage) as refused:
            _ = provider.options
        assert "lab file" in refused.value.message
        assert refused.value.cause.startswith("bridge: the name of a network card is missing")


def test_an_edition_that_bridges_without_a_card_is_wrong_itself() -> None:
    lab = load_lab("default")
    options = {**lab.edition.providers["vagrant"], "net": "bridge"}
    edition = lab.edition.model_copy(update={"providers": {"vagrant": options}})
    provider = VagrantProvider(lab.model_copy(update={"edition": edition}), HOME())
    with pytest.raises(WrongUsage, match="the edition ubuntu-example does not fit") as refused:
        _ = provider.options
    assert refused.value.cause.startswith("providers.vagrant.bridge: the name")
