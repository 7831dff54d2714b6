"""An edition of the textbook as data: hosts, addresses, sections, packages.

labctl carries one YAML file an edition (labctl/editions/*.yaml). A lab file may name another
file, which is read and checked in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from labctl import resources
from labctl.errors import WrongUsage
from labctl.hint import commands
from labctl.i18n import _, language
from labctl.mistakes import WrongValue, mistakes, parse_yaml
from labctl.system import KNOWN, System

DEFAULT_EDITION = "ubuntu-example"
# The sets of packages that a provider may install ahead of the steps.
PackageSet = Literal["dns", "mail"]

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")


def _label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError(
            _("at most 32 lower-case letters, digits and hyphens, starting with a letter")
        )
    return value


def _domain(value: str) -> str:
    for part in value.split("."):
        _label(part)
    return value


def _file_name(value: str) -> str:
    # It becomes a path on the hosts and a quoted word in BIND's configuration.
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,59}", value):
        raise ValueError(_("a file name of lower-case letters, digits, dots and hyphens"))
    if value in _BIND_FILES:
        raise ValueError(_("the file {name} is BIND's own", name=value))
    return value


def _zone_file_name(value: str) -> str:
    if value.count("{domain}") != 1:
        raise ValueError(_("a file name with {domain} in it", domain="{domain}"))
    _file_name(value.replace("{domain}", "example1.test"))
    return value


def _line(value: str) -> str:
    # It is printed as it is, also on terminals and in reports.
    if not (value.strip() and value.isprintable() and len(value) <= 200):
        raise ValueError(_("one line of 1 to 200 characters"))
    return value


def _version(value: str) -> str:
    return _line(value) if value else value


def _date(value: object) -> object:
    # Pydantic reads a number as seconds since 1970.
    if isinstance(value, int | float):
        raise ValueError(_("must be a date like 2026-07-01"))
    return value


def _host_name(value: str) -> str:
    if value == "localhost":
        raise ValueError(_("localhost is every machine's own name"))
    return _label(value)


def _admin(value: str) -> str:
    if value in _SYSTEM_ACCOUNTS - {"vagrant"}:
        raise ValueError(_("the account {name} is needed for something else", name=value))
    return _label(value)


def _package_name(value: str) -> str:
    # It becomes a word of a command; an option would begin with a hyphen.
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9.+_-]{1,79}", value):
        raise ValueError(_("a package name like bind9-utils"))
    return value


# Files of BIND that the book includes or leaves alone.
_BIND_FILES = frozenset(
    {"named.conf.options", "named.conf.default-zones", "zones.rfc1918"}
    | {"named.rfc1912.zones", "named.root.key", "rndc.key", "rndc.conf", "bind.keys"}
)
# Private networks (RFC 1918).
_PRIVATE = [IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


def _network(value: object) -> object:
    # IPv4Network also takes numbers, and `true` would be 0.0.0.1.
    example = _("a private network like 10.20.30.0/24")
    if isinstance(value, IPv4Network):
        network = value
    elif not isinstance(value, str) or "/" not in value:
        raise ValueError(example)
    else:
        try:
            network = IPv4Network(value, strict=False)
        except ValueError as error:
            raise ValueError(example) from error
        if str(network.network_address) != value.partition("/")[0].strip():
            raise ValueError(
                _("an address within {network}; write the network", network=str(network))
            )
    if not any(network.subnet_of(each) for each in _PRIVATE):
        raise ValueError(example)
    return network


def _address(value: object) -> object:
    # IPv4Address also takes numbers, and `true` would be 0.0.0.1.
    if not isinstance(value, str | IPv4Address):
        raise ValueError(_("must be an IPv4 address like 192.168.1.12"))
    return value


Label = Annotated[str, AfterValidator(_label)]
HostName = Annotated[str, AfterValidator(_host_name)]
Admin = Annotated[str, AfterValidator(_admin)]
Domain = Annotated[str, AfterValidator(_domain)]
Line = Annotated[str, AfterValidator(_line)]
Version = Annotated[str, AfterValidator(_version)]
Released = Annotated[date, BeforeValidator(_date)]
FileName = Annotated[str, AfterValidator(_file_name)]
ZoneFileName = Annotated[str, AfterValidator(_zone_file_name)]
PackageName = Annotated[str, AfterValidator(_package_name)]
PrivateNetwork = Annotated[IPv4Network, BeforeValidator(_network)]
Address = Annotated[IPv4Address, BeforeValidator(_address)]
# Accounts that a system has or that daemons of the lab get.
_SYSTEM_ACCOUNTS = frozenset(
    {
        "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news",
        "uucp", "proxy", "www-data", "backup", "list", "irc", "nobody", "bind", "named",
        "postfix", "postdrop", "sasl", "dovecot", "dovenull", "sshd", "syslog",
        "systemd-network", "messagebus", "adm", "shutdown", "halt", "operator", "ftp",
        "labctl", "vagrant",
        # Names of /etc/aliases, whose mail goes to root.
        "postmaster", "mailer-daemon", "hostmaster", "webmaster", "abuse",
    }
)  # fmt: skip


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
        if host.account in {*_SYSTEM_ACCOUNTS, self.admin}:
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
                hint=_("it does for: {names}", names=", ".join(self.packages)),
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
        text = _("{address} is no address of a host in {network}", address=address, network=network)
        raise WrongValue(key, text)


def _ensure_differ(values: Mapping[str, object]) -> None:
    """Raise WrongValue for the first key whose value another key has already."""
    first: dict[object, str] = {}
    for key, value in values.items():
        if value in first:
            raise WrongValue(key, _("{value} is also at {key}", value=value, key=first[value]))
        first[value] = key


def editions() -> list[str]:
    """The names of the editions labctl carries."""
    return sorted(path.stem for path in resources.editions().glob("*.yaml"))


def edition_file(name: str, folder: Path) -> Path:
    """The file of an edition: labctl's own by its name, or a user's by its path.

    Args:
        folder: What a relative path is relative to.

    Raises:
        WrongUsage: labctl has no edition of that name, or there is no such file.
    """
    hint = _("editions: {names}, or a file: ./my-school.yaml", names=", ".join(editions()))
    if is_path(name):
        path = (folder / Path(name).expanduser()).resolve()
        if path.is_dir():
            raise WrongUsage(_("{path} is a folder, not an edition file", path=path), hint=hint)
        if not path.exists():
            raise WrongUsage(_("there is no edition file {path}", path=path), hint=hint)
        return path
    if name not in editions():
        raise WrongUsage(_("there is no edition {name}", name=repr(name)), hint=hint)
    return resources.editions() / f"{name}.yaml"


def is_path(name: str) -> bool:
    """Whether an edition is named by a file: the name has a slash or ends in .yaml."""
    return "/" in name or "\\" in name or name.endswith((".yaml", ".yml"))


def load_edition(name: str, folder: Path | None = None) -> Edition:
    """Read an edition by its name, or by the path of a user's own file.

    Raises:
        WrongUsage: There is no such edition, or the file is wrong; it names the file, the key
            and what is allowed.
    """
    path = edition_file(name, folder or Path.cwd())
    try:
        # Windows' own editor begins a file with a byte order mark.
        return _edition(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise WrongUsage(
            _("the edition file {path} cannot be read", path=path), cause=error.strerror or ""
        ) from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        # Not only YAMLError: Python itself reads numbers.
        raise wrong_edition(path, mistakes(error, Edition)) from error


@lru_cache(maxsize=8)
def _edition(text: str) -> Edition:
    """The edition that a file describes. A class opens one lab after the other with the same."""
    return Edition.model_validate(parse_yaml(text))


def wrong_edition(path: Path, cause: str) -> WrongUsage:
    """The error for an edition's file that says something impossible."""
    return WrongUsage(
        _("wrong edition {path}", path=path),
        cause=cause,
        hint=commands(
            f"labctl editions --show {DEFAULT_EDITION}", text=_("an edition to compare it with")
        ),
    )
