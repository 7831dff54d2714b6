"""What every provider promises (labctl.providers.base.Provider), as tests.

A subclass gives the fixture `bench`. The tests change the lab's files through `Bench.connect`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from labctl.endpoint import Endpoint
from labctl.errors import WrongState, WrongUsage
from labctl.managed import ManagedFile
from labctl.providers.base import Provider, ensure_usable
from labctl.remote import Remote
from labctl.results import HostState

HOSTS = ("host1", "host2")
NOTE = "/etc/labctl-contract"


@dataclass(frozen=True)
class Bench:
    """A lab for the contract. `open` is a provider as a new labctl process has it.

    `half_build` begins to make the lab and is killed in the middle.
    """

    open: Callable[[], Provider]
    connect: Callable[[Endpoint], Remote]
    half_build: Callable[[], None]

    def write(self, text: str) -> None:
        """Leave a note on every host."""
        for endpoint in self.open().endpoints().values():
            with self.connect(endpoint) as remote:
                remote.install([ManagedFile(NOTE, text)])

    def read(self) -> list[str]:
        """The note of each host, "" for none."""
        notes = []
        for endpoint in self.open().endpoints().values():
            with self.connect(endpoint) as remote:
                notes.append(remote.run(["cat", NOTE], check=False).stdout)
        return notes

    def names(self) -> list[str]:
        return [info.name for info in self.open().checkpoints()]


class ProviderContract:
    """The promises. Each test leaves a lab that runs, or none."""

    @pytest.fixture
    def bench(self) -> Bench:
        raise NotImplementedError

    @pytest.fixture
    def up(self, bench: Bench) -> Bench:
        """The lab with running hosts, no note and only the checkpoint `os`."""
        provider = bench.open()
        provider.create()
        provider.start()
        for name in bench.names():
            if name != "os":
                provider.drop(name)
        bench.write("")
        return bench

    @pytest.fixture
    def absent(self, bench: Bench) -> Bench:
        bench.open().destroy()
        return bench

    def test_this_machine_can_run_it(self, bench: Bench) -> None:
        ensure_usable(bench.open())

    def test_a_lab_is_made_once(self, absent: Bench) -> None:
        assert absent.open().create() is True
        assert absent.names() == ["os"]
        assert absent.open().create() is False
        assert absent.names() == ["os"]

    def test_hosts_are_started_once(self, up: Bench) -> None:
        assert up.open().start() is False
        up.open().halt()
        assert up.open().start() is True
        assert up.open().start() is False

    def test_endpoints_lead_to_the_hosts_in_order(self, up: Bench) -> None:
        found = up.open().endpoints()
        assert tuple(found) == HOSTS
        for name, endpoint in found.items():
            assert endpoint.host == name
            with up.connect(endpoint) as remote:
                remote.install([ManagedFile(NOTE, name)])
        assert up.read() == list(HOSTS)

    def test_hosts_that_do_not_run_have_no_endpoints(self, up: Bench) -> None:
        up.open().halt()
        with pytest.raises(WrongState):
            up.open().endpoints()

    def test_a_host_is_reached_while_the_other_one_does_not_run(self, up: Bench) -> None:
        up.open().cut_power([HOSTS[1]])
        assert list(up.open().endpoints([HOSTS[0]])) == [HOSTS[0]]
        with pytest.raises(WrongState):
            up.open().endpoints([HOSTS[1]])
        with pytest.raises(WrongState):
            up.open().endpoints()

    def test_a_lab_that_was_never_made_has_nothing(self, absent: Bench) -> None:
        provider = absent.open()
        assert dict(provider.status()) == dict.fromkeys(HOSTS, HostState.ABSENT)
        assert provider.checkpoints() == ()
        with pytest.raises(WrongState):
            provider.endpoints()
        with pytest.raises(WrongState):
            provider.start()
        with pytest.raises(WrongState):
            provider.save("ready")
        with pytest.raises(WrongState):
            provider.set_net(False)

    def test_nobody_logs_in_on_a_host_that_does_not_run(self, up: Bench) -> None:
        assert up.open().login(HOSTS[0], "root")
        up.open().halt()
        with pytest.raises(WrongState):
            up.open().login(HOSTS[0], "root")

    def test_a_change_on_a_host_is_noticed_if_the_provider_can_tell(self, up: Bench) -> None:
        up.write("before")
        seen = up.open().revision()
        assert up.open().revision() == seen
        up.write("after")
        assert up.open().revision() != seen or seen == ""

    def test_a_lab_that_was_never_made_has_no_revision(self, absent: Bench) -> None:
        assert absent.open().revision() == ""

    def test_the_status_says_what_runs(self, up: Bench) -> None:
        assert dict(up.open().status()) == dict.fromkeys(HOSTS, HostState.RUNNING)
        up.open().halt()
        assert dict(up.open().status()) == dict.fromkeys(HOSTS, HostState.STOPPED)

    def test_halt_keeps_everything_and_may_be_repeated(self, up: Bench) -> None:
        up.write("kept")
        up.open().halt()
        up.open().halt()
        up.open().start()
        assert up.read() == ["kept", "kept"]

    def test_a_host_without_power_is_booted_again(self, up: Bench) -> None:
        up.open().cut_power(["host2"])
        states = up.open().status()
        assert states["host1"] is HostState.RUNNING
        assert states["host2"] is HostState.STOPPED
        assert up.open().start() is True
        assert dict(up.open().status()) == dict.fromkeys(HOSTS, HostState.RUNNING)

    def test_a_checkpoint_brings_all_hosts_back(self, up: Bench) -> None:
        up.write("before")
        up.open().save("contract")
        up.write("after")
        up.open().restore("contract")
        assert up.read() == ["before", "before"]
        assert dict(up.open().status()) == dict.fromkeys(HOSTS, HostState.RUNNING)

    def test_a_restore_keeps_the_state_before_it(self, up: Bench) -> None:
        up.write("before")
        up.open().save("contract")
        up.write("after")
        up.open().restore("contract", keep_as="kept")
        assert up.names() == ["os", "contract", "kept"]
        up.open().restore("kept")
        assert up.read() == ["after", "after"]

    def test_a_checkpoint_of_stopped_hosts_is_their_disks(self, up: Bench) -> None:
        up.write("before")
        up.open().halt()
        up.open().save("contract")
        up.open().start()
        up.write("after")
        up.open().restore("contract")
        assert up.read() == ["before", "before"]

    def test_checkpoints_are_listed_in_the_order_they_were_saved(self, up: Bench) -> None:
        for name in ("b", "a", "c"):
            up.open().save(name)
        assert up.names() == ["os", "b", "a", "c"]
        up.open().save("b")
        assert up.names() == ["os", "a", "c", "b"]

    def test_a_checkpoint_says_what_made_it(self, up: Bench) -> None:
        up.open().save("contract")
        up.open().save("before-reset", origin="reset")
        origins = {info.name: info.origin for info in up.open().checkpoints(measured=True)}
        assert origins == {"os": "up", "contract": "up", "before-reset": "reset"}

    def test_a_checkpoint_that_is_saved_again_is_replaced(self, up: Bench) -> None:
        up.write("first")
        up.open().save("contract")
        up.write("second")
        up.open().save("contract")
        up.write("third")
        up.open().restore("contract")
        assert up.read() == ["second", "second"]

    def test_dropping_a_checkpoint_leaves_the_others(self, up: Bench) -> None:
        up.write("first")
        up.open().save("one")
        up.write("second")
        up.open().save("two")
        up.open().drop("one")
        up.open().drop("one")
        assert up.names() == ["os", "two"]
        up.open().restore("two")
        assert up.read() == ["second", "second"]

    def test_an_unknown_checkpoint_is_refused_and_changes_nothing(self, up: Bench) -> None:
        up.write("here")
        up.open().save("contract")
        with pytest.raises(WrongUsage) as refused:
            up.open().restore("nothing", keep_as="kept")
        assert "contract" in str(refused.value.hint)
        assert up.names() == ["os", "contract"]
        assert up.read() == ["here", "here"]

    def test_the_network_is_shut_and_opened_while_hosts_run(self, up: Bench) -> None:
        up.open().set_net(False)
        up.open().set_net(False)
        assert up.read() == ["", ""]
        up.open().set_net(True)
        assert up.read() == ["", ""]

    def test_destroy_leaves_nothing_and_may_be_repeated(self, up: Bench) -> None:
        up.open().destroy()
        assert dict(up.open().status()) == dict.fromkeys(HOSTS, HostState.ABSENT)
        assert up.names() == []
        up.open().destroy()

    def test_a_half_built_lab_can_be_looked_at_finished_and_destroyed(self, absent: Bench) -> None:
        absent.half_build()
        assert set(absent.open().status()) == set(HOSTS)
        absent.open().create()
        absent.open().start()
        absent.write("whole")
        assert absent.read() == ["whole", "whole"]
        absent.open().destroy()
        absent.half_build()
        absent.open().destroy()
        assert dict(absent.open().status()) == dict.fromkeys(HOSTS, HostState.ABSENT)
