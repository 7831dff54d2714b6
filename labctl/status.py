"""What exists of a lab, gathered for `labctl status`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labctl.errors import LabError
from labctl.i18n import N_
from labctl.results import CheckpointInfo, HostState
from labctl.session import open_session


@dataclass(frozen=True)
class HostStatus:
    """One host: its names, address, mailbox and state."""

    name: str
    fqdn: str
    address: str
    mailbox: str
    state: HostState


@dataclass(frozen=True)
class LabStatus:
    """One lab.

    `system` is the operating system of the hosts, with its version and code name.
    `complete` is where the last complete `up` ended, or "". `at` is that, or the checkpoint of a
    later reset. `ignored` are the keys of the lab file that only other providers know. `problem`
    says why nothing else is known of the lab, or is "".
    """

    name: str
    edition: str = ""
    provider: str = ""
    system: str = ""
    complete: str = ""
    at: str = ""
    hosts: tuple[HostStatus, ...] = ()
    checkpoints: tuple[CheckpointInfo, ...] = ()
    folders: Mapping[str, Path] = field(default_factory=dict)
    problem: str = ""
    ignored: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problem and all(host.state is HostState.RUNNING for host in self.hosts)


def look_at_all(names: Iterable[str]) -> list[LabStatus]:
    """Look at each of these labs; one whose files cannot be read does not hide the others."""
    found = []
    for name in names:
        try:
            found.append(look(name))
        except LabError as error:
            found.append(LabStatus(name, problem=str(error)))
    return found


def look(name: str) -> LabStatus:
    """Ask the provider; raises LabError only if the lab's files cannot be read."""
    session = open_session(name)
    states = session.provider.status()
    home = session.home
    return LabStatus(
        name=name,
        edition=session.lab.edition.edition,
        provider=session.provider.name,
        system=session.provider.system.title,
        complete=session.complete,
        at=session.at,
        hosts=tuple(
            HostStatus(
                name=host.name,
                fqdn=host.fqdn,
                address=str(host.address),
                mailbox=host.mailbox if host.account is not None else "",
                state=states[host.name],
            )
            for host in session.lab.hosts
        ),
        checkpoints=session.provider.checkpoints(measured=True),
        folders={
            N_("state"): home.state,
            N_("keys"): home.key_file.parent,
            N_("credentials"): home.credentials_file,
            N_("logs"): home.logs,
            N_("lock"): home.lock_file,
            N_("cache"): home.cache,
            **session.provider.folders(),
        },
        ignored=session.ignored,
    )
