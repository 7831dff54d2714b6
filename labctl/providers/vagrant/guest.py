"""Operations inside a Vagrant machine: logins, keys, clock, packet filter.

Preparing runs through Vagrant's own SSH before any key is pinned, and prints the keys to pin. The
rest runs over the pinned connection.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import IPv4Network

from labctl.endpoint import Endpoint
from labctl.errors import WrongState
from labctl.hint import commands
from labctl.i18n import _
from labctl.lab import Host
from labctl.quote import shell_line
from labctl.remote import Remote
from labctl.scripts import Script

_PREPARE = Script("labctl.providers.vagrant", "prepare.sh")
_SET_WAY_OUT = Script("labctl.providers.vagrant", "way-out.sh")
_FLUSH = Script("labctl.providers.vagrant", "flush.sh")
# The name server of VirtualBox's NAT.
NAT_RESOLVER = "10.0.2.3"

# What package installation needs while the way out is open: HTTP and HTTPS, names, time.
_WAY_OUT = """
    tcp dport { 53, 80, 443 } accept
    udp dport { 53, 123 } accept"""

_FILTER = """table inet labctl
delete table inet labctl
table inet labctl {{
  chain output {{
    type filter hook output priority -10; policy accept;
    oifname "lo" accept
    ct state established,related accept
    tcp sport 22 accept
    ip daddr {network} accept
    ip6 daddr {{ fe80::/10, ff00::/8 }} accept
    udp dport 67 accept
    tcp dport 25 reject with tcp reset{way_out}
    reject with icmpx type admin-prohibited
  }}
}}"""


@dataclass(frozen=True)
class Prepared:
    """What the preparation of a host printed.

    `insecure` are the users whom Vagrant's published key still lets in.
    """

    host_keys: tuple[str, ...]
    resolvers: tuple[str, ...]
    addresses: tuple[str, ...]
    insecure: tuple[str, ...]


def preparation(admin: str, host: Host, login: str) -> tuple[str, tuple[str, ...]]:
    """The script that prepares a host, and its arguments quoted for `vagrant ssh --command`."""
    return _PREPARE.text, quoted(admin, str(host.address), host.fqdn, host.name, login)


def read_prepared(output: str) -> Prepared:
    """Read what the preparation printed, between whatever else the host said."""
    words = [line.strip().partition(" ") for line in output.splitlines()]

    def values(wanted: str) -> tuple[str, ...]:
        return tuple(value for key, _space, value in words if key == f"labctl-{wanted}")

    # A loopback address answers on this machine only; VirtualBox 7.2 may hand it to the guests.
    resolvers = tuple(each for each in values("resolver") if not each.startswith("127."))
    return Prepared(
        host_keys=values("hostkey"),
        resolvers=resolvers or (NAT_RESOLVER,),
        addresses=values("address"),
        insecure=values("insecure"),
    )


def ensure_prepared(host: Host, prepared: Prepared, output: str) -> None:
    """Raise WrongState if the host cannot be used as it is."""
    cause = ""
    if not prepared.host_keys:
        cause = output[-400:]
    elif str(host.address) not in prepared.addresses:
        cause = _("it has no interface with the address {address}", address=host.address)
    elif prepared.insecure:
        cause = _("Vagrant's public insecure key opens the login {user}", user=prepared.insecure[0])
    if cause:
        raise WrongState(
            _("{host} was not set up completely", host=host.name),
            cause=cause,
            hint=commands("labctl up", text=_("this rebuilds the machines")),
        )


def quoted(*values: str) -> tuple[str, ...]:
    """The arguments, quoted for the command line of `vagrant ssh --command`."""
    return tuple(shell_line([value]) for value in values)


def filter_rules(network: IPv4Network, is_open: bool) -> str:
    """The packet filter for nft(8).

    Only traffic within the lab and, while open, for package installation may leave. TCP 25 never
    leaves. Answers to incoming SSH are always allowed, also by port, because a connection that is
    older than the table looks new to it.
    """
    return _FILTER.format(network=network, way_out=_WAY_OUT if is_open else "")


def set_way_out(endpoint: Endpoint, network: IPv4Network, is_open: bool, *, clock: bool) -> None:
    """Set the machine's way out, and its clock if `clock` is true."""
    with Remote(endpoint) as remote:
        seconds = f"{time.time():.3f}" if clock else ""
        remote.script(_SET_WAY_OUT, seconds, filter_rules(network, is_open), timeout=120)


def flush(endpoint: Endpoint) -> None:
    """Flush all data of the host to its disk."""
    with Remote(endpoint) as remote:
        remote.script(_FLUSH, timeout=120)


def await_booted(endpoint: Endpoint) -> None:
    """Wait until systemd has finished booting, with or without failed units."""
    with Remote(endpoint) as remote:
        remote.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=600)
