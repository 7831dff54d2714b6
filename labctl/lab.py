"""A lab is data: an edition of the textbook plus what the user's lab file changes.

Everything here is frozen. An edition says what the book fixes (names, addresses, packages);
the lab file `labctl.toml` says what a user may choose (passwords, provider, language). What
either says to a provider is kept here as it is: labctl.providers.options reads it.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from labctl import resources
from labctl.errors import WrongUsage
from labctl.hint import commands
from labctl.i18n import _

DEFAULT_EDITION = "ubuntu-example"
LAB_FILE = "labctl.toml"
# The sets of packages that a provider may install ahead of the steps.
PackageSet = Literal["dns", "mail"]

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")


def _label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError(_("lower-case letters, digits and hyphens, a letter first, 32 at most"))
    return value


def _domain(value: str) -> str:
    for part in value.split("."):
        _label(part)
    return value


def _password(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    # chpasswd reads one `name:password` a line; PAM and IMAP take printable ASCII alike.
    if not 1 <= len(text) <= 128 or not all(" " <= char <= "~" for char in text):
        raise ValueError(_("1 to 128 printable ASCII characters"))
    return value


Label = Annotated[str, AfterValidator(_label)]
Domain = Annotated[str, AfterValidator(_domain)]
Password = Annotated[SecretStr, AfterValidator(_password)]
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]+$", max_length=80)]


class _Frozen(BaseModel):
    # A password stands in no message, not even in one that nobody prints.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Network(_Frozen):
    """The host-only network; `machine` is the labctl machine's own address on it."""

    cidr: IPv4Network
    machine: IPv4Address


class Host(_Frozen):
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


class Titles(_Frozen):
    ja: str
    en: str


class Packages(_Frozen):
    """What the chapters install; `extra` is labctl's own, laid beside those of `mail`."""

    dns: tuple[PackageName, ...]
    mail: tuple[PackageName, ...]
    extra: tuple[PackageName, ...] = ()
    thunderbird: tuple[PackageName, ...] = ()

    @property
    def sets(self) -> Mapping[str, tuple[PackageName, ...]]:
        """What is installed together, by the name of the set."""
        return {"dns": self.dns, "mail": (*self.mail, *self.extra)}


class Edition(_Frozen):
    """One edition of the textbook (labctl/editions/*.yaml)."""

    edition: Label
    title: Titles
    network: Network
    admin: Label
    hosts: tuple[Host, ...] = Field(min_length=2, max_length=2)
    parent: Host
    packages: Packages
    # Defaults of providers' options, by the provider's name.
    providers: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _addresses_fit(self) -> Self:
        every = [*self.hosts, self.parent]
        addresses = [host.address for host in every] + [self.network.machine]
        if len(set(addresses)) != len(addresses):
            raise ValueError(_("an address stands twice"))
        if len({host.name for host in every}) != len(every):
            raise ValueError(_("a host name stands twice"))
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


class LabFile(_Frozen):
    """What `labctl.toml` may say; every key is optional.

    Other keys are options of providers; see `settings`.
    """

    model_config = ConfigDict(extra="allow")

    edition: str = DEFAULT_EDITION
    provider: str | None = None
    lang: Literal["ja", "en"] | None = None
    dns: Literal["peers", "parent"] = "peers"
    passwords: dict[str, Password] = Field(default_factory=dict)
    extras: tuple[Literal["thunderbird"], ...] = ()

    @property
    def settings(self) -> Mapping[str, Any]:
        """The keys that are not labctl's own: options of providers, or mistakes."""
        return self.model_extra or {}


class Lab(_Frozen):
    """One lab: its name, its edition and the user's choices.

    `options` are the options of the provider that the lab was opened with, as plain data; empty
    if it was opened without one.
    """

    name: str
    edition: Edition
    choices: LabFile = LabFile()
    options: dict[str, Any] = Field(default_factory=dict)

    @cached_property
    def hosts(self) -> tuple[Host, ...]:
        """The machines to make, the parent first where the lab has it (the others need it)."""
        if self.choices.dns == "parent":
            return (self.edition.parent, *self.edition.hosts)
        return self.edition.hosts

    @property
    def mail_hosts(self) -> tuple[Host, ...]:
        """The two servers that exchange mail."""
        return self.edition.hosts

    @property
    def network(self) -> Network:
        return self.edition.network

    def host(self, name: str) -> Host:
        """The host of that name; raises WrongUsage with the names there are."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise WrongUsage(
            _("there is no host {name}", name=repr(name)),
            hint=_("hosts: {names}", names=", ".join(host.name for host in self.hosts)),
        )

    def peer(self, host: Host) -> Host:
        """The other mail server."""
        return next(other for other in self.mail_hosts if other.name != host.name)

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever the definition of the lab does; what `up` can add later is left out.

        Of the options of providers, those of the lab's own provider count.
        """
        later = {"passwords", "lang", "extras", *self.choices.settings}
        text = self.model_dump_json(exclude={"edition": {"providers"}, "choices": later})
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def editions() -> list[str]:
    """The names of the editions labctl carries."""
    return sorted(path.stem for path in resources.editions().glob("*.yaml"))


def load_edition(name: str) -> Edition:
    """Reads an edition by name; raises WrongUsage for a name that is none, or a wrong file."""
    if name not in editions():
        raise WrongUsage(
            _("there is no edition {name}", name=repr(name)),
            hint=_("editions: {names}", names=", ".join(editions())),
        )
    path = resources.editions() / f"{name}.yaml"
    try:
        return Edition.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        # Not only YAMLError: what looks like a date or a number and is none is left to Python.
        raise WrongUsage(
            _("wrong edition {path}", path=path),
            cause=_causes(error),
            hint=_("keys: {names}", names=", ".join(Edition.model_fields)),
        ) from error


def load_lab(name: str, lab_file: Path | None = None) -> Lab:
    """The lab of that name, from `lab_file` or else from `./labctl.toml` if it exists.

    What the file says to providers is not checked here; labctl.session.open_lab does.

    Raises:
        WrongUsage: The file is wrong; it names the file, the key and what is allowed.
    """
    path = lab_file if lab_file is not None else Path(LAB_FILE)
    choices = _read_lab_file(path, needed=lab_file is not None)
    if choices.edition not in editions():
        raise wrong_lab_file(
            path,
            "edition: " + _("there is no edition {name}", name=repr(choices.edition)),
            hint=_("editions: {names}", names=", ".join(editions())),
        )
    return _checked(Lab(name=name, edition=load_edition(choices.edition), choices=choices), path)


def _read_lab_file(path: Path, *, needed: bool) -> LabFile:
    try:
        # Windows' own editor begins a file with a byte order mark.
        return LabFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError as error:
        if not needed:
            return LabFile()
        raise _unreadable(path, error) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: tomllib leaves bytes that are no text, numbers without end
        # and brackets without end to Python.
        _report_wrong_file(path, error)


def _unreadable(path: Path, error: OSError) -> WrongUsage:
    return WrongUsage(
        _("the lab file {path} cannot be read", path=path),
        cause=error.strerror or "",
        hint=commands(
            "labctl destroy",
            text=_("put it back, name another one with --lab, or remove the lab"),
        ),
    )


def _checked(lab: Lab, path: Path) -> Lab:
    accounts = [host.account for host in lab.mail_hosts]
    for account in lab.choices.passwords:
        if account not in accounts:
            raise wrong_lab_file(
                path,
                f"passwords.{account}: " + _("there is no such account"),
                hint=_("accounts: {names}", names=", ".join(str(name) for name in accounts)),
            )
    return lab


def _report_wrong_file(path: Path, error: Exception) -> NoReturn:
    raise wrong_lab_file(path, _causes(error), LabFile.model_fields) from error


def wrong_lab_file(
    path: Path | None, cause: str, keys: Iterable[str] = (), *, hint: str = ""
) -> WrongUsage:
    """The error for a lab file that says something impossible, with the keys there are."""
    return WrongUsage(
        _("wrong lab file {path}", path=path),
        cause=cause,
        hint=hint or _("keys: {names}", names=", ".join(keys)),
    )


def _causes(error: Exception) -> str:
    """Each wrong key with what is allowed; of a text that is not even the format, its place."""
    if not isinstance(error, ValidationError):
        return str(error)
    details = error.errors(include_url=False, include_input=False)
    return "\n".join(one_error(detail) for detail in details)


def one_error(detail: Any) -> str:
    """One error of pydantic as `key: what is allowed`."""
    key = ".".join(str(part) for part in detail["loc"]) or "-"
    return f"{key}: {detail['msg'].removeprefix('Value error, ')}"
