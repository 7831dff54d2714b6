"""The way to the hosts of a lab on Vagrant: who answers over SSH, where, and what it is told.

Vagrant knows a machine as booted before its SSH answers, and it may forward another port at each
start. So the record has the addresses, and a host counts as running only if it answers there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from labctl.endpoint import Endpoint
from labctl.home import LabHome
from labctl.lab import Lab
from labctl.parallel import on_each
from labctl.providers.vagrant import peer, way_out
from labctl.providers.vagrant.adapter import SshAddress
from labctl.providers.vagrant.probe import answers
from labctl.providers.vagrant.record import Record, write_record
from labctl.waiting import wait_until

# How long a host may take to answer after its machine was resumed.
ANSWER_SECONDS = 60.0


class Connections:
    """The connections to the hosts of one lab.

    `net` gives the provider's option of that name. It is asked only for endpoints, because
    `status` also works with a lab file that is wrong.
    """

    def __init__(self, lab: Lab, home: LabHome, net: Callable[[], str]) -> None:
        self._lab = lab
        self._home = home
        self._net = net
        self._names = tuple(host.name for host in lab.hosts)

    def answers(self, record: Record, host: str) -> bool:
        """Whether SSH answers on a host now."""
        return answers(record.machines[host])

    def await_answer(self, record: Record, host: str) -> bool:
        """Wait for SSH on a host. Returns whether it answered in time."""
        return bool(wait_until(ANSWER_SECONDS, lambda: self.answers(record, host)))

    def silent(self, record: Record) -> list[str]:
        """The hosts whose SSH does not answer."""
        heard = on_each(self._names, lambda host: self.answers(record, host))
        return [host for host, does in zip(self._names, heard, strict=True) if not does]

    def await_answers(self, record: Record) -> None:
        """Wait for SSH on every host: a resumed machine answers some seconds later."""
        wait_until(ANSWER_SECONDS, lambda: not self.silent(record))

    def with_addresses(self, record: Record, addresses: Mapping[str, SshAddress]) -> Record:
        """The record with where SSH answers now: forwarded ports may change at a start."""
        machines = {
            host: machine.model_copy(
                update={"address": addresses[host].address, "port": addresses[host].port}
            )
            for host, machine in record.machines.items()
        }
        record = record.model_copy(update={"machines": machines})
        write_record(self._home, record)
        return record

    def set_way_out(self, record: Record, *, clock: bool) -> bool:
        """Set the internet access of every host, and its clock if `clock` is true.

        Returns True, because `wait_until` waits for a result.
        """
        network = self._lab.network.cidr
        on_each(
            self.endpoints(record).values(),
            lambda endpoint: way_out.set_way_out(endpoint, network, record.net_open, clock=clock),
        )
        return True

    def await_way_out(self, record: Record) -> None:
        """The same with the clocks, as soon as the hosts let labctl do it."""
        wait_until(ANSWER_SECONDS, lambda: self.set_way_out(record, clock=True))

    def endpoints(self, record: Record) -> dict[str, Endpoint]:
        found = self._direct_endpoints(record)
        if self._net() != "internal":
            return found
        # Only the hosts are on that network: each is dialled by the next one.
        following = [*self._names[1:], self._names[0]]
        return {
            host: replace(found[host], neighbour=peer.command(found[other]))
            for host, other in zip(self._names, following, strict=True)
        }

    def _direct_endpoints(self, record: Record) -> dict[str, Endpoint]:
        return {
            host: Endpoint(
                host=host,
                address=machine.address,
                port=machine.port,
                user="root",
                key=self._home.key_file,
                known_hosts=self._home.known_hosts,
            )
            for host, machine in record.machines.items()
        }
