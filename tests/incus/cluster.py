"""A cluster of Incus members on one machine, each in namespaces of its own, on one switch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from labctl.run import run
from tests.incus.daemon import POOL, Daemon, in_network, incus_daemon, new_network

_POOL_GIB = 5


@dataclass(frozen=True)
class Cluster:
    """The members by name, and the process that holds the switch's network namespace."""

    members: dict[str, Daemon]
    switch: int

    def unplug(self, name: str) -> None:
        self._link(name, "down")

    def plug(self, name: str) -> None:
        self._link(name, "up")

    def _link(self, name: str, state: str) -> None:
        in_network(self.switch, "ip", "link", "set", f"to-{name}", state)


@contextmanager
def incus_cluster(folder: Path, names: Sequence[str]) -> Iterator[Cluster]:
    """Start the members and join them; the first one makes the cluster. `folder` is short."""
    with ExitStack() as stack:
        switch = stack.enter_context(_switch())
        members = {
            name: stack.enter_context(incus_daemon(folder / name, pool_gib=0)) for name in names
        }
        for number, (name, member) in enumerate(members.items(), start=1):
            _connect(switch, name, member, f"10.77.0.{number}")
        first = members[names[0]]
        first.incus("storage", "create", POOL, "btrfs", f"size={_POOL_GIB}GiB")
        first.incus("config", "set", "core.https_address", "10.77.0.1:8443")
        first.incus("cluster", "enable", names[0])
        for number, name in enumerate(names[1:], start=2):
            _join(first, name, members[name], f"10.77.0.{number}:8443")
        # Only a clustered server has it. The default of 20 s makes a test wait.
        first.incus("config", "set", "cluster.offline_threshold", "11")
        yield Cluster(members, switch)


@contextmanager
def _switch() -> Iterator[int]:
    with new_network() as pid:
        in_network(pid, "ip", "link", "add", "switch", "type", "bridge")
        in_network(pid, "ip", "link", "set", "switch", "up")
        yield pid


def _connect(switch: int, name: str, member: Daemon, address: str) -> None:
    port = f"to-{name}"
    peer = ["peer", "name", "cable", "netns", str(member.pid)]
    in_network(switch, "ip", "link", "add", port, "type", "veth", *peer)
    in_network(switch, "ip", "link", "set", port, "master", "switch", "up")
    member.inside("ip", "address", "add", f"{address}/24", "dev", "cable")
    member.inside("ip", "link", "set", "cable", "up")


def _join(first: Daemon, name: str, member: Daemon, address: str) -> None:
    token = first.incus("cluster", "add", name, "--quiet").stdout.split()[-1]
    preseed = f"""cluster:
  enabled: true
  server_name: {name}
  server_address: {address}
  cluster_token: {token}
  member_config:
  - entity: storage-pool
    name: {POOL}
    key: size
    value: {_POOL_GIB}GiB
"""
    # In the member's own network: the client itself looks at the first member's certificate.
    run(
        [*member.within, "incus", "admin", "init", "--preseed"],
        env=member.env,
        stdin=preseed,
        timeout=60,
    )
