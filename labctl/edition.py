"""An edition of the textbook as data: hosts, addresses, sections, packages.

Whatever the book fixes is here, so that no other module knows the book. The values check each
other; `edition_fields` checks each one alone, `edition_files` reads the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from labctl.edition_fields import (
    SYSTEM_ACCOUNTS,
    Address,
    Admin,
    Domain,
    FileName,
    HostName,
    Label,
    Line,
    PackageName,
    PrivateNetwork,
    Released,
    Version,
    ZoneFileName,
)
from labctl.errors import WrongUsage
from labctl.i18n import _, language
from labctl.mistakes import WrongValue
from labctl.system import KNOWN, System

# The sets of packages that a provider may install ahead of the steps.
PackageSet = Literal["dns", "mail"]


class Frozen(BaseModel):
    """The base of everything that is read from an edition or a lab file."""

    # No message contains a password, not even one that nobody prints.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Network(Frozen):
    """The hosts' network; `machine` is the labctl machine's own address on it."""

    cidr: PrivateNetwork
    machine: Address


class Host(Frozen):
    """A server of the lab. The parent (`host0`) has no account: nobody gets mail there."""

    name: HostName
    address: Address
    domain: Domain
    account: Label | None = None

    @property
    def fqdn(self) -> str:
        return f"{self.name}.{self.domain}"

    @property
    def mail_name(self) -> str:
        """What the MX record names and Postfix calls itself."""
        return f"mail.{self.domain}"

    @property
    def mailbox(self) -> str:
        """The mail address of the host's account, `user1@example1.jp`."""
        return f"{self.account}@{self.domain}"


class Titles(Frozen):
    """A title in Japanese, and in English if the book has it in English.

    `gloss` is a translation that is not in the book.
    """

    ja: Line
    en: Line | None = None
    gloss: Line | None = None

    def __str__(self) -> str:
        """The book's title in the user's language, else the Japanese one with the gloss."""
        if language() != "en":
            return self.ja
        if self.en is not None:
            return self.en
        return f"{self.ja} [{self.gloss}]" if self.gloss is not None else self.ja


class Section(Frozen):
    """A section of the book, and the step of labctl that does what it asks for."""

    step: Label
    title: Titles


class Packages(Frozen):
    """What the chapters install; `extra` is labctl's own, added to those of `mail`."""

    dns: tuple[PackageName, ...]
    mail: tuple[PackageName, ...]
    extra: tuple[PackageName, ...] = ()
    thunderbird: tuple[PackageName, ...] = ()

    @property
    def sets(self) -> Mapping[str, tuple[PackageName, ...]]:
        """What is installed together, by the name of the set."""
        return {"dns": self.dns, "mail": (*self.mail, *self.extra)}


class BindFiles(Frozen):
    """The names that the book gives to BIND's files; `zone_file` has `{domain}` in it."""

    zones: FileName = "named.conf.local"
    zone_file: ZoneFileName = "db.{domain}"


class Edition(Frozen):
    """One edition of the textbook.

    `version` and `released` are of the book; an edition without a release date was never
    published. `os` is what the book installs, in its own words, and `system` the same as
    os-release(5) has it. `dns` is who resolves names: the hosts themselves (`peers`) or the
    third machine (`parent`). `relay` says who may relay mail through a host: whoever
    authenticates (`auth`), or every address of the hosts' network (`network`).
    """

    edition: Label
    title: Titles
    version: Version = ""
    released: Released | None = None
    os: Line
    system: System
    network: Network
    admin: Admin
    hosts: tuple[Host, ...] = Field(min_length=2, max_length=2)
    parent: Host
    dns: Literal["peers", "parent"] = "peers"
    relay: Literal["auth", "network"] = "auth"
    firewall: Literal["ufw", "firewalld"] = "ufw"
    mail_command: Literal["mailutils", "s-nail"] = "mailutils"
    bind: BindFiles = BindFiles()
    sections: tuple[Section, ...] = Field(min_length=1)
    # By family of operating systems.
    packages: dict[Literal["debian", "rhel"], Packages] = Field(min_length=1)
    # What was run of it, and on which hosts.
    tested: Titles | None = None
    # Defaults of providers' options, by the provider's name.
    providers: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _hosts_fit(self) -> Self:
        places = {
            "hosts.0": self.hosts[0],
            "hosts.1": self.hosts[1],
            "parent": self.parent,
        }
        addresses = {f"{key}.address": host.address for key, host in places.items()}
        for key, address in (*addresses.items(), ("network.machine", self.network.machine)):
            _ensure_inside(key, address, self.network.cidr)
        _ensure_differ({**addresses, "network.machine": self.network.machine})
        _ensure_differ({f"{key}.name": host.name for key, host in places.items()})
        _ensure_differ({f"{key}.domain": host.domain for key, host in places.items()})
        for key, host in list(places.items())[:2]:
            self._ensure_account(f"{key}.account", host)
            if self.dns == "parent" and not host.domain.endswith(f".{self.parent.domain}"):
                text = _("must be below the domain {domain}", domain=self.parent.domain)
                raise WrongValue(f"{key}.domain", text)
        _ensure_differ({f"hosts.{n}.account": host.account for n, host in enumerate(self.hosts)})
        return self

    def _ensure_account(self, key: str, host: Host) -> None:
        if host.account is None:
            raise WrongValue(key, _("{host} has no account", host=host.name))
        if host.account in {*SYSTEM_ACCOUNTS, self.admin}:
            raise WrongValue(
                key, _("the account {name} is needed for something else", name=host.account)
            )

    @model_validator(mode="after")
    def _system_is_known(self) -> Self:
        if self.system.id not in KNOWN:
            text = _("must be one of: {names}", names=", ".join(KNOWN))
            raise WrongValue("system.id", text)
        if not self.system.release:
            raise WrongValue("system.version", _("must be numbers like 24.04"))
        return self

    @model_validator(mode="after")
    def _sections_differ(self) -> Self:
        _ensure_differ({f"sections.{n}.step": each.step for n, each in enumerate(self.sections)})
        return self

    def packages_for(self, family: str) -> Packages:
        """What the chapters install on that family of systems.

        Raises:
            WrongUsage: The edition does not name packages for that family.
        """
        found = {str(name): packages for name, packages in self.packages.items()}
        if family not in found:
            raise WrongUsage(
                _(
                    "the edition {edition} names no packages for {family}",
                    edition=self.edition,
                    family=family,
                ),
                hint=_("it names packages for: {names}", names=", ".join(self.packages)),
            )
        return found[family]

    def moved_to(self, cidr: IPv4Network) -> Edition:
        """The same edition on another network; every address keeps its place in it.

        Raises:
            ValueError: The network is too small for the addresses of the edition.
        """
        first = int(self.network.cidr.network_address)

        def moved(address: IPv4Address) -> IPv4Address:
            place = int(address) - first
            if not 0 < place < cidr.num_addresses - 1:
                text = _(
                    "too small: hosts keep the last part of their addresses, here {number}",
                    number=place,
                )
                raise ValueError(text)
            return cidr.network_address + place

        def host_there(host: Host) -> Host:
            return host.model_copy(update={"address": moved(host.address)})

        network = Network(cidr=cidr, machine=moved(self.network.machine))
        hosts = tuple(host_there(host) for host in self.hosts)
        return self.model_copy(
            update={"network": network, "hosts": hosts, "parent": host_there(self.parent)}
        )


def _ensure_inside(key: str, address: IPv4Address, network: IPv4Network) -> None:
    if address not in network:
        raise WrongValue(key, _("{address} is not in {network}", address=address, network=network))
    if address in (network.network_address, network.broadcast_address):
        text = _(
            "{address} cannot be a host address in {network}", address=address, network=network
        )
        raise WrongValue(key, text)


def _ensure_differ(values: Mapping[str, object]) -> None:
    """Raise WrongValue for the first key whose value another key has already."""
    first: dict[object, str] = {}
    for key, value in values.items():
        if value in first:
            raise WrongValue(
                key, _("{key} already has the value {value}", value=value, key=first[value])
            )
        first[value] = key
