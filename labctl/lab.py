"""A lab is data: an edition of the textbook plus what the user's lab file changes.

Everything here is frozen. An edition says what the book fixes (names, addresses, packages);
the lab file `labctl.toml` says what a user may choose (passwords, provider, language). What
either says to a provider is kept here as it is: labctl.providers.options reads it.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from labctl.edition import Edition, Frozen, Host, Network, Packages, PackageSet
from labctl.edition_fields import PrivateNetwork
from labctl.edition_files import DEFAULT_EDITION, edition_file, load_edition
from labctl.errors import WrongUsage
from labctl.hint import Hint, commands
from labctl.i18n import _
from labctl.mistakes import mistakes

__all__ = [
    "DEFAULT_EDITION",
    "LAB_FILE",
    "Edition",
    "Host",
    "Lab",
    "LabFile",
    "Network",
    "PackageSet",
    "Packages",
    "load_edition",
    "load_lab",
    "wrong_lab_file",
]

LAB_FILE = "labctl.toml"


def _password(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    # chpasswd reads one `name:password` a line; PAM and IMAP take printable ASCII alike.
    if not 1 <= len(text) <= 128 or not all(" " <= char <= "~" for char in text):
        raise ValueError(_("1 to 128 printable ASCII characters"))
    return value


Password = Annotated[SecretStr, AfterValidator(_password)]


class LabFile(Frozen):
    """What `labctl.toml` may say; every key is optional.

    Other keys are options of providers; see `settings`.
    """

    model_config = ConfigDict(extra="allow")

    edition: str = DEFAULT_EDITION
    network: PrivateNetwork | None = None
    provider: str | None = None
    lang: Literal["ja", "en"] | None = None
    dns: Literal["peers", "parent"] | None = None
    passwords: dict[str, Password] = Field(default_factory=dict)
    extras: tuple[Literal["thunderbird"], ...] = ()

    @property
    def settings(self) -> Mapping[str, Any]:
        """The keys that are not labctl's own: options of providers, or mistakes."""
        return self.model_extra or {}


class Lab(Frozen):
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
        """The machines to make. The parent is first if the lab has it, as the others need it."""
        if self.with_parent:
            return (self.edition.parent, *self.edition.hosts)
        return self.edition.hosts

    @property
    def with_parent(self) -> bool:
        """Whether the book's third machine is part of the lab and resolves names for the others."""
        return (self.choices.dns or self.edition.dns) == "parent"

    def section_title(self, step: str) -> str:
        """The title of the book's section for a step; the step's name if it is not in the book."""
        titles = {section.step: section.title.ja for section in self.edition.sections}
        return titles.get(step, step)

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
        text = self.model_dump_json(exclude={"edition": {"providers", "tested"}, "choices": later})
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_lab(name: str, lab_file: Path | None = None) -> Lab:
    """The lab of that name as its lab file describes it; without one, the default edition's.

    Which file counts, and what it says to providers, is decided in labctl.session.open_lab.

    Raises:
        WrongUsage: The file is wrong; it names the file, the key and what is allowed.
    """
    path = lab_file or Path(LAB_FILE)
    choices = _read_lab_file(path) if lab_file is not None else LabFile()
    try:
        edition_file(choices.edition, path.parent)
    except WrongUsage as error:
        raise wrong_lab_file(path, f"edition: {error.message}", hint=error.hint) from error
    edition = load_edition(choices.edition, path.parent)
    if choices.network is not None:
        try:
            edition = edition.moved_to(choices.network)
        except ValueError as error:
            raise wrong_lab_file(path, f"network: {error}", LabFile.model_fields) from error
    return _checked(Lab(name=name, edition=edition, choices=choices), path)


def _read_lab_file(path: Path) -> LabFile:
    text = ""
    try:
        # Windows' own editor begins a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
        return LabFile.model_validate(tomllib.loads(text))
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: tomllib leaves bytes that are no text, numbers without end
        # and brackets without end to Python.
        raise wrong_lab_file(path, mistakes(error, LabFile, text), LabFile.model_fields) from error


def _unreadable(path: Path, error: OSError) -> WrongUsage:
    return WrongUsage(
        _("the lab file {path} cannot be read", path=path),
        cause=error.strerror or "",
        hint=commands(
            "labctl destroy",
            text=_("restore the file, name another one with --lab, or remove the lab"),
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
    # An edition was checked for what it says itself; the lab file may ask for the parent.
    parent = lab.edition.parent
    for host in lab.mail_hosts:
        if lab.with_parent and not host.domain.endswith(f".{parent.domain}"):
            text = _(
                "{domain} is not below {parent}, the domain of {host}",
                domain=host.domain,
                parent=parent.domain,
                host=parent.name,
            )
            raise wrong_lab_file(path, f"dns: {text}", hint=_('write dns = "peers"'))
    return lab


def wrong_lab_file(
    path: Path | None, cause: str, keys: Iterable[str] = (), *, hint: Hint | str = ""
) -> WrongUsage:
    """The error for a lab file that says something impossible, with the keys there are."""
    return WrongUsage(
        _("wrong lab file {path}", path=path),
        cause=cause,
        hint=hint or _("keys: {names}", names=", ".join(keys)),
    )
