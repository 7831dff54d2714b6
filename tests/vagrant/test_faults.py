"""What brings a lab of machines into a bad state, and how labctl brings it out again.

The tests that take longer than half a minute are marked as long.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import paramiko
import pytest

from labctl import dial
from labctl.errors import LabError, MachineLacks, WrongState
from labctl.home import LabHome, lab_home
from labctl.lab import Lab, LabFile, load_edition
from labctl.providers.vagrant import VagrantProvider
from labctl.providers.vagrant.lab_folder import machines_folder, ports
from labctl.providers.vagrant.probe import answers
from labctl.providers.vagrant.record import KnownMachine, Unfinished, read_record
from labctl.remote import Remote
from labctl.results import HostState
from labctl.waiting import wait_until
from tests.vagrant.conftest import crash, manage, stop_processor
from tests.vagrant.double.registry import Store, Vm

EDITION = load_edition("ubuntu-example")
CHOICES = LabFile.model_validate({"memory": 512})
LAB = Lab(name="faults", edition=EDITION, choices=CHOICES)
FRESH = Lab(name="fresh", edition=EDITION, choices=CHOICES)
NAMES = [host.name for host in LAB.hosts]


def provider(lab: Lab = LAB) -> VagrantProvider:
    """A provider as a new labctl has it: it knows what is on the disk."""
    return VagrantProvider(lab, lab_home(lab.name))


@pytest.fixture(scope="module")
def made(_box_of_the_module: None) -> Iterator[None]:
    """The lab of most tests. Each goes back to its checkpoint `os` or leaves it running."""
    provider().create()
    yield
    provider().destroy()


@pytest.fixture
def lab(made: None) -> LabHome:
    provider().start()
    return lab_home(LAB.name)


@pytest.fixture
def fresh() -> Iterator[LabHome]:
    """A lab that does not exist yet."""
    home = lab_home(FRESH.name)
    yield home
    provider(FRESH).destroy()


def machine(store: Store, host: str, lab: Lab = LAB) -> Vm:
    return store.read().vm(f"labctl-{lab.name}-{host}")


def calls(store: Store) -> str:
    """What was asked of VirtualBox so far."""
    return (store.home / "calls.log").read_text(encoding="utf-8")


def on_host(host: str, command: str, lab: Lab = LAB) -> str:
    with Remote(provider(lab).endpoints()[host]) as remote:
        return remote.run(["sh", "-c", command]).stdout


def at(address: str, home: LabHome) -> KnownMachine:
    """The second host of a lab, reached at an address without a forwarded port."""
    record = read_record(home)
    assert record is not None
    return record.machines["host2"].model_copy(update={"address": address, "port": 22})


def ensure_set_up(lab: Lab) -> None:
    """Both hosts have their address, and Vagrant's published key opens none of them."""
    file = Path(os.environ["VAGRANT_HOME"]) / "insecure_private_key"
    key = paramiko.RSAKey.from_private_key_file(str(file))
    for host in lab.hosts:
        assert str(host.address) in on_host(host.name, "ip -4 address show eth1", lab)
        endpoint = provider(lab).endpoints()[host.name]
        with paramiko.SSHClient() as client:
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            with pytest.raises(paramiko.AuthenticationException):
                client.connect(
                    endpoint.address,
                    endpoint.port,
                    "vagrant",
                    pkey=key,
                    look_for_keys=False,
                    allow_agent=False,
                )


# -- a first up that did not complete ---------------------------------------------------------


@pytest.mark.long
def test_machines_whose_first_boot_timed_out_are_made_anew(
    fresh: LabHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABCTL_BOOT_TIMEOUT", "1")
    with pytest.raises(MachineLacks, match="did not boot in time"):
        provider(FRESH).create()
    monkeypatch.delenv("LABCTL_BOOT_TIMEOUT")
    assert provider(FRESH).create()
    ensure_set_up(FRESH)


@pytest.mark.long
def test_machines_whose_first_up_was_killed_are_made_anew(fresh: LabHome, store: Store) -> None:
    child = multiprocessing.get_context("fork").Process(target=_create_in_a_group)
    child.start()
    _until(
        lambda: any(vm.pid for vm in store.read().vms.values() if "fresh" in vm.name),
        "no machine was started",
    )
    _kill(child)
    assert provider(FRESH).create()
    ensure_set_up(FRESH)


def _create_in_a_group() -> None:
    os.setpgid(0, 0)
    provider(FRESH).create()


@pytest.mark.long
def test_the_folder_of_a_machine_that_virtualbox_forgot_is_not_in_the_way(
    fresh: LabHome, store: Store
) -> None:
    stale = store.home / "machines" / "labctl-fresh-host1"
    stale.mkdir(parents=True)
    (stale / "labctl-fresh-host1.vbox").touch()
    assert provider(FRESH).create()


@pytest.mark.long
def test_a_folder_of_boxes_from_another_computer_saves_the_download(
    fresh: LabHome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It names a master machine of the other computer, which VirtualBox here does not have."""
    shutil.copytree(Path(os.environ["VAGRANT_HOME"]) / "boxes", tmp_path / "boxes")
    for master in tmp_path.glob("boxes/**/master_id"):
        master.write_text("6f2a0d3c-1111-4222-8333-444455556666", encoding="utf-8")
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path))
    assert provider(FRESH).create()
    ensure_set_up(FRESH)


# -- ports ------------------------------------------------------------------------------------


@pytest.fixture
def foreign() -> Iterator[socket.socket]:
    """Another program with a socket."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield listener


def test_the_ports_are_the_labs_own(lab: LabHome) -> None:
    used = {endpoint.port for endpoint in provider().endpoints().values()}
    assert used <= set(ports(LAB.name))
    assert not set(range(2200, 2251)) & set(ports(LAB.name))


@pytest.mark.long
def test_a_reset_goes_on_with_a_cold_boot_if_another_program_has_the_port(
    lab: LabHome, foreign: socket.socket
) -> None:
    on_host("host1", "touch /root/forgotten")
    port = provider().endpoints()["host1"].port
    provider().halt()
    foreign.bind(("127.0.0.1", port))
    foreign.listen()
    provider().start()
    assert provider().endpoints()["host1"].port != port
    # The snapshot has the machine with its old port.
    provider().restore("os")
    assert provider().endpoints()["host1"].port != port
    assert on_host("host1", "ls /root") == ""
    assert not provider().start()


def test_what_a_killed_vagrant_claimed_does_not_cost_the_saved_memory(
    lab: LabHome, store: Store
) -> None:
    provider().restore("os")
    port = provider().endpoints()["host1"].port
    leases = Path(os.environ["VAGRANT_HOME"]) / "data" / "fp-leases"
    leases.mkdir(parents=True, exist_ok=True)
    lease = leases / f"127_0_0_1_{port}"
    lease.touch()
    # Vagrant ignores a claim after a minute. On a busy machine the restore takes longer.
    later = time.time() + 3600
    os.utime(lease, (later, later))
    before = len(calls(store))
    provider().restore("os")
    assert provider().endpoints()["host1"].port == port
    assert "discardstate" not in calls(store)[before:]
    assert not lease.exists()


# -- keys -------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_snapshot_whose_key_does_not_fit_is_noticed_and_not_waited_for(lab: LabHome) -> None:
    on_host("host2", "cp -a /home/vagrant/.ssh/authorized_keys /root/kept")
    on_host("host2", ": >/home/vagrant/.ssh/authorized_keys")
    provider().save("old-key")
    begun = time.monotonic()
    with pytest.raises(WrongState, match="does not accept the lab's key"):
        provider().restore("old-key")
    assert time.monotonic() - begun < 300, "Vagrant's own timeout is 600 s"
    # Another checkpoint brings the lab back.
    provider().restore("os")
    assert not provider().start()


# -- a reset that was interrupted -------------------------------------------------------------


def test_the_next_command_finishes_a_reset_that_was_killed(lab: LabHome) -> None:
    on_host("host2", "touch /root/forgotten")
    child = multiprocessing.get_context("fork").Process(target=_restore_in_a_group)
    child.start()
    _until(lambda: _unfinished(lab), "the reset did not begin")
    _kill(child)
    assert on_host("host2", "ls /root") == ""
    _ensure_reset(lab)


def test_up_finishes_a_reset_that_a_power_failure_ended(lab: LabHome, store: Store) -> None:
    """Both machines were at the snapshot; their clocks and filters were not set yet."""
    on_host("host2", "touch /root/forgotten")
    child = multiprocessing.get_context("fork").Process(target=_restore_in_a_group)
    child.start()
    _until(lambda: len(_restored(lab)) == len(NAMES), "the reset did not restore the machines")
    _kill(child)
    for host in NAMES:
        crash(store, machine(store, host))
    assert provider().start()
    assert on_host("host2", "ls /root") == ""
    _ensure_reset(lab)


def _kill(child: BaseProcess) -> None:
    assert child.pid is not None
    os.killpg(child.pid, signal.SIGKILL)
    child.join()


def _ensure_reset(lab: LabHome) -> None:
    """Clock and filter of every host are set, once, and nothing is left to do."""
    for host in NAMES:
        # In a container setting the clock is noted in this file.
        assert on_host(host, "wc -l </run/clock-set").strip() == "1"
        assert "dport 25" in on_host(host, "nft list table inet labctl")
    assert not _unfinished(lab)


def _restore_in_a_group() -> None:
    os.setpgid(0, 0)
    provider().restore("os")


def _unfinished(home: LabHome) -> Unfinished | None:
    record = read_record(home)
    return record.unfinished if record is not None else None


def _restored(home: LabHome) -> tuple[str, ...]:
    unfinished = _unfinished(home)
    return unfinished.restored if unfinished is not None else ()


def _until(done: Callable[[], object], what: str) -> None:
    assert wait_until(120, done, every=0.1), what


# -- states of machines -----------------------------------------------------------------------


def test_a_pc_that_was_switched_off_leaves_a_lab_that_starts_again(
    lab: LabHome, store: Store
) -> None:
    on_host("host1", "echo kept >/root/kept")
    for host in NAMES:
        crash(store, machine(store, host))
    assert set(provider().status().values()) == {HostState.STOPPED}
    assert provider().start()
    assert on_host("host1", "cat /root/kept") == "kept\n"


def test_machines_that_were_saved_and_paused_and_lost_start_again(
    lab: LabHome, store: Store
) -> None:
    manage("controlvm", machine(store, "host1").uuid, "savestate")
    crash(store, machine(store, "host1"))
    manage("controlvm", machine(store, "host2").uuid, "pause")
    assert set(provider().status().values()) == {HostState.STOPPED}
    assert provider().start()
    assert set(provider().status().values()) == {HostState.RUNNING}


@pytest.mark.long
def test_machines_that_hang_are_started_again(
    lab: LabHome, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.providers.vagrant.connections.ANSWER_SECONDS", 25)
    on_host("host1", "systemctl stop ssh")
    stop_processor(store, machine(store, "host2"))
    assert set(provider().status().values()) == {HostState.BROKEN}
    assert provider().start()
    assert on_host("host1", "hostname") == "host1\n"
    assert on_host("host2", "hostname") == "host2\n"


@pytest.mark.long
def test_virtualbox_may_hold_a_machine_for_some_seconds(
    fresh: LabHome, store: Store, behaviour: Callable[..., None]
) -> None:
    provider(FRESH).create()
    behaviour(lock_seconds=8)
    provider(FRESH).destroy()
    assert [vm.name for vm in store.read().vms.values() if "fresh" in vm.name] == []
    assert not machines_folder(fresh).exists()


# -- networks ---------------------------------------------------------------------------------


@pytest.mark.long
def test_on_an_internal_network_only_the_hosts_meet(lab: LabHome, fresh: LabHome) -> None:
    """The other lab has the same addresses on its host-only network."""
    inside = Lab(
        name=FRESH.name,
        edition=EDITION,
        choices=LabFile.model_validate({"memory": 512, "vagrant": {"net": "internal"}}),
    )
    provider(inside).create()
    peer = str(inside.hosts[1].address)
    # The SSH port, for there is no ping in the box.
    greeting = on_host("host1", f"timeout 5 bash -c 'head -c 4 </dev/tcp/{peer}/22'", inside)
    assert greeting == "SSH-"
    # From this machine the address is the other lab's.
    assert answers(at(peer, lab))
    assert not answers(at(peer, fresh))
    # labctl goes through the other host.
    with dial.tcp(provider(inside).endpoints()["host2"], peer, 22, timeout=20) as connection:
        assert connection.recv(4) == b"SSH-"


@pytest.mark.long
def test_on_a_mac_virtualbox_7_has_host_only_networks(
    fresh: LabHome, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    system = tmp_path / "mac.rb"
    system.write_text('require "rbconfig"\nRbConfig::CONFIG["host_os"] = "darwin24.0.0"\n')
    monkeypatch.setenv("RUBYOPT", f"-r{system}")
    provider(FRESH).create()
    (network,) = store.read().networks
    assert network.name == "vagrantnet-vbox1"
    assert machine(store, "host1", FRESH).nics["2"].kind == "hostonlynet"
    ensure_set_up(FRESH)


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said", "message"),
    [
        (
            "startvm",
            "VT-x is being used by another hypervisor (VERR_VMX_IN_VMX_ROOT_MODE).",
            "another hypervisor",
        ),
        (
            "startvm",
            "Nonexistent host networking interface, name 'vboxnet0' (VERR_INTERNAL_ERROR)",
            "the machines' network cannot be created",
        ),
        # The import of the box happens once for all labs.
        ("clonevm", "Failed: NS_ERROR_INVALID_ARG", ""),
    ],
)
def test_what_virtualbox_refuses_comes_with_a_hint(
    fresh: LabHome, behaviour: Callable[..., None], call: str, said: str, message: str
) -> None:
    behaviour(fail={call: said})
    with pytest.raises(LabError) as caught:
        provider(FRESH).create()
    assert message in caught.value.message
    assert said in caught.value.cause
    assert caught.value.hint.commands
