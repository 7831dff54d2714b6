"""Operations inside a Vagrant machine: logins, keys, files on its disk, its boot.

Preparing runs through Vagrant's own SSH before any key is pinned, and prints the keys to pin. The
rest runs over the pinned connection.
"""

from __future__ import annotations

from dataclasses import dataclass

from labctl.endpoint import Endpoint
from labctl.errors import WrongState
from labctl.hint import commands
from labctl.i18n import _
from labctl.lab import Host
from labctl.quote import shell_line
from labctl.remote import Remote
from labctl.scripts import Script

_PREPARE = Script("labctl.providers.vagrant", "prepare.sh")
_FLUSH = Script("labctl.providers.vagrant", "flush.sh")
# The name server of VirtualBox's NAT.
NAT_RESOLVER = "10.0.2.3"


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


def flush(endpoint: Endpoint) -> None:
    """Flush all data of the host to its disk."""
    with Remote(endpoint) as remote:
        remote.script(_FLUSH, timeout=120)


def await_booted(endpoint: Endpoint) -> None:
    """Wait until systemd has finished booting, with or without failed units."""
    with Remote(endpoint) as remote:
        remote.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=600)
