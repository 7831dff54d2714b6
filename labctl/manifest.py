"""What a host looks like: /etc, packages, services, accounts and groups.

The difference between two manifests is what a person changed in between. Manifests are
independent of the provider. The contents of secret files and passwords never leave the host, only
their checksums.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from labctl.errors import WrongState, words_of
from labctl.hint import commands
from labctl.i18n import _
from labctl.scripts import Script
from provision.step import Target

_TAKE = Script("labctl", "manifest.sh")


@dataclass(frozen=True)
class FileState:
    """A file or link: its text, checksum, mode and owner.

    `text` is None for a file whose contents are not shown, and `-> TARGET` for a link. `mode` is
    octal, `owner` is `user:group`.
    """

    text: str | None
    md5: str
    mode: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Manifest:
    """One host at one moment. Paths are absolute.

    `conffiles` maps the configuration files of packages to the checksums that they came with.
    `at_boot` maps a unit to `enabled` or `masked`, and `now` to `active`, `inactive` or `failed`.
    `passwords` maps an account to a checksum of its password's salted hash.
    """

    files: Mapping[str, FileState] = field(default_factory=dict)
    conffiles: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    at_boot: Mapping[str, str] = field(default_factory=dict)
    now: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    passwords: Mapping[str, str] = field(default_factory=dict)


def take(target: Target) -> str:
    """The host's manifest as text, to keep or to `parse`. It only reads.

    Raises:
        LabError: the host does not answer.
    """
    packages = target.remote.script(target.family.packages.manifest).stdout
    return packages + target.remote.script(_TAKE).stdout


def parse(text: str) -> Manifest:
    """The manifest in a text of `take`.

    Raises:
        WrongState: the text is not one.
    """
    rows: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        kind, _tab, rest = line.partition("\t")
        rows.setdefault(kind, []).append(rest.split("\t"))
    try:
        return Manifest(
            files=_files(rows),
            conffiles={f"/{path}": md5 for path, md5 in rows.get("conffile", [])},
            packages={
                name: version
                for name, state, version in rows.get("package", [])
                if state.startswith("ii")
            },
            at_boot=_at_boot(rows),
            now=_now(rows),
            accounts=_entries(rows.get("account", [])),
            groups=_entries(rows.get("group", [])),
            passwords=dict(rows.get("password", [])),
        )
    except (ValueError, KeyError, EOFError, tarfile.TarError, OSError) as error:
        raise WrongState(
            _("the saved state of a host cannot be read"),
            cause=words_of(error) if isinstance(error, OSError) else "",
            hint=commands("labctl reset"),
        ) from error


def _entries(rows: list[list[str]]) -> dict[str, tuple[str, ...]]:
    """Lines of passwd(5) or group(5): the name, and the fields without the password's."""
    fields = [row[0].split(":") for row in rows]
    return {name: tuple(rest) for name, _x, *rest in fields}


def _at_boot(rows: dict[str, list[list[str]]]) -> dict[str, str]:
    """What the links of systemd and of the old start scripts say of a unit.

    `systemctl list-unit-files` takes seconds, because it runs a script for each old start script.

    Source: systemd.unit(5) on what `systemctl enable` and `systemctl mask` make.
    """
    found = {}
    for path, target in rows.get("link", []):
        folder, _slash, name = path.rpartition("/")
        if target == "/dev/null":
            found[name] = "masked"
        elif folder.endswith((".wants", ".requires")):
            found.setdefault(name, "enabled")
        elif folder.startswith("etc/rc") and name.startswith("S"):
            found.setdefault(f"{name[3:]}.service", "enabled")
    return found


def _now(rows: dict[str, list[list[str]]]) -> dict[str, str]:
    """`active`, `inactive` or `failed`. A state in between counts as the state it leads to."""
    settled = {"activating": "active", "reloading": "active", "deactivating": "inactive"}
    return {unit: settled.get(state, state) for unit, state in rows.get("unit", [])}


def _files(rows: dict[str, list[list[str]]]) -> dict[str, FileState]:
    files = {f"/{path}": FileState(None, digest) for digest, path in rows.get("hidden", [])}
    archive = io.BytesIO(base64.b64decode(rows["files"][0][0], validate=True))
    with tarfile.open(fileobj=archive, mode="r:gz") as opened:
        for entry in opened:
            content = opened.extractfile(entry) if entry.isfile() else None
            data = content.read() if content is not None else f"-> {entry.linkname}\n".encode()
            files[f"/{entry.name}"] = FileState(
                text=_text(data),
                md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
                # A link's own mode means nothing.
                mode=f"{entry.mode:o}" if entry.isfile() else "",
                owner=f"{entry.uname}:{entry.gname}",
            )
    return files


def _text(data: bytes) -> str | None:
    """The text, or None if the data is not text."""
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
