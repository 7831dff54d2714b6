"""An edition of the textbook as data: hosts, addresses, sections, packages.

labctl carries one YAML file an edition (labctl/editions/*.yaml). A lab file may name another
file, which is read and checked in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from labctl import resources
from labctl.errors import WrongUsage
from labctl.i18n import N_, _, language
from labctl.system import System

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
    if not re.fullmatch(r"[a-z0-9.{}_-]{1,60}", value):
        raise ValueError(_("a file name of letters, digits, dots and hyphens"))
    return value


Label = Annotated[str, AfterValidator(_label)]
Domain = Annotated[str, AfterValidator(_domain)]
FileName = Annotated[str, AfterValidator(_file_name)]
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]+$", max_length=80)]


class Frozen(BaseModel):
    """The base of everything that is read from an edition or a lab file."""

    # A password stands in no message, not even in one that nobody prints.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Network(Frozen):
    """The hosts' network; `machine` is the labctl machine's own address on it."""

    cidr: IPv4Network
    machine: IPv4Address


class Host(Frozen):
    """A server of the lab. The parent (`host0`) has no account: nobody gets mail there."""

    name: Label
    address: IPv4Address
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
    """A title in Japanese, and in English if the book has it in English."""

    ja: str
    en: str | None = None

    def __str__(self) -> str:
        """The title in the user's language if the book has it, else the Japanese one."""
        return self.en if language() == "en" and self.en is not None else self.ja


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
    zone_file: FileName = "db.{domain}"


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
    version: str = ""
    released: date | None = None
    os: str
    system: System
    network: Network
    admin: Label
    hosts: tuple[Host, ...] = Field(min_length=2, max_length=2)
    parent: Host
    dns: Literal["peers", "parent"] = "peers"
    relay: Literal["auth", "network"] = "auth"
    firewall: Literal["ufw", "firewalld"] = "ufw"
    mail_command: Literal["mailutils", "s-nail"] = "mailutils"
    bind: BindFiles = BindFiles()
    sections: tuple[Section, ...] = Field(min_length=1)
    # By family of operating systems: `debian`, `rhel`.
    packages: dict[str, Packages] = Field(min_length=1)
    # Defaults of providers' options, by the provider's name.
    providers: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @field_validator("version", mode="before")
    @classmethod
    def _version_is_text(cls, value: object) -> object:
        # YAML reads 1.0 as a number.
        return str(value) if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _addresses_fit(self) -> Self:
        every = [*self.hosts, self.parent]
        addresses = [host.address for host in every] + [self.network.machine]
        if len(set(addresses)) != len(addresses):
            raise ValueError(_("two hosts have the same address"))
        if len({host.name for host in every}) != len(every):
            raise ValueError(_("two hosts have the same name"))
        for address in addresses:
            if address not in self.network.cidr:
                text = _(
                    "{address} is not in {network}", address=address, network=self.network.cidr
                )
                raise ValueError(text)
        for host in self.hosts:
            if host.account is None:
                raise ValueError(_("{host} has no account", host=host.name))
        return self

    @model_validator(mode="after")
    def _sections_differ(self) -> Self:
        steps = [section.step for section in self.sections]
        if len(set(steps)) != len(steps):
            raise ValueError(_("two sections have the same step"))
        return self

    def packages_for(self, family: str) -> Packages:
        """What the chapters install on that family of systems.

        Raises:
            WrongUsage: The edition does not name packages for that family.
        """
        if family not in self.packages:
            raise WrongUsage(
                _(
                    "the edition {edition} names no packages for {family}",
                    edition=self.edition,
                    family=family,
                ),
                hint=_("it does for: {names}", names=", ".join(self.packages)),
            )
        return self.packages[family]

    def moved_to(self, cidr: IPv4Network) -> Edition:
        """The same edition on another network; every address keeps its place in it.

        Raises:
            ValueError: The network is too small for the addresses of the edition.
        """
        first = int(self.network.cidr.network_address)

        def moved(address: IPv4Address) -> IPv4Address:
            place = int(address) - first
            if not 0 < place < cidr.num_addresses - 1:
                text = _("{network} has no address number {number}", network=cidr, number=place)
                raise ValueError(text)
            return cidr.network_address + place

        def host_there(host: Host) -> Host:
            return host.model_copy(update={"address": moved(host.address)})

        network = Network(cidr=cidr, machine=moved(self.network.machine))
        hosts = tuple(host_there(host) for host in self.hosts)
        return self.model_copy(
            update={"network": network, "hosts": hosts, "parent": host_there(self.parent)}
        )


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
    if is_path(name):
        path = (folder / Path(name).expanduser()).resolve()
        if path.is_file():
            return path
        raise WrongUsage(_("there is no edition file {path}", path=path))
    if name not in editions():
        raise WrongUsage(
            _("there is no edition {name}", name=repr(name)),
            hint=_("editions: {names}, or a file: ./my-school.yaml", names=", ".join(editions())),
        )
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
        return Edition.model_validate(yaml.safe_load(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        # Not only YAMLError: Python itself reads what looks like a date or a number.
        raise WrongUsage(
            _("wrong edition {path}", path=path),
            cause=causes(error),
            hint=_("keys: {names}", names=", ".join(Edition.model_fields)),
        ) from error


def causes(error: Exception) -> str:
    """Each wrong key with what is allowed; for a file that cannot be parsed, the place."""
    if not isinstance(error, ValidationError):
        return str(error)
    details = error.errors(include_url=False, include_input=False)
    return "\n".join(one_error(detail) for detail in details)


# Pydantic's own texts by the type of the error, for translation.
_ERRORS = {
    "missing": N_("Field required"),
    "extra_forbidden": N_("Extra inputs are not permitted"),
    "literal_error": N_("Input should be {expected}"),
    "string_type": N_("Input should be a valid string"),
    "string_pattern_mismatch": N_("String should match pattern '{pattern}'"),
    "int_type": N_("Input should be a valid integer"),
    "int_parsing": N_("Input should be a valid integer, unable to parse string as an integer"),
    "greater_than_equal": N_("Input should be greater than or equal to {ge}"),
    "less_than_equal": N_("Input should be less than or equal to {le}"),
    "tuple_type": N_("Input should be a valid tuple"),
    "dict_type": N_("Input should be a valid dictionary"),
    "model_type": N_("Input should be a valid dictionary or instance of {class_name}"),
    "ip_v4_address": N_("Input is not a valid IPv4 address"),
    "ip_v4_network": N_("Input is not a valid IPv4 network"),
}


def one_error(detail: Any) -> str:
    """One error of pydantic as `key: what is allowed`."""
    key = ".".join(str(part) for part in detail["loc"]) or "-"
    text = _ERRORS.get(detail["type"])
    if text is not None:
        said = _(text, **_words(detail.get("ctx", {})))
    else:
        said = detail["msg"].removeprefix("Value error, ")
    return f"{key}: {said}"


def _words(context: Mapping[str, Any]) -> dict[str, str]:
    words = {name: str(value) for name, value in context.items()}
    if "expected" in words:
        # Pydantic joins the last two of a list with an English word.
        either = _("or")
        words["expected"] = words["expected"].replace(" or ", f" {either} ")
    return words
