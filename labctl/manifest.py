"""What a host looks like, taken in one command: /etc, packages, services, accounts, groups.

Two manifests tell what a person changed between them, with every provider alike. The contents
of secret files never leave the host: of them, and of passwords, only a checksum does.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from labctl.errors import WrongState
from labctl.hint import commands
from labctl.i18n import _
from provision.step import Target

_SECRETS = (
    "*/shadow*", "*/gshadow*", "*/opasswd", "*.key", "*_key", "*.pem", "*.keytab", "*secret*",
    "*/sasldb2", "*/sasl_passwd*", "*/ssl/private/*",
)  # fmt: skip
# Written by programs from what is compared anyway: lists of packages, services, accounts.
_DERIVED = (
    "etc/ssl/certs", "etc/alternatives", "etc/rc?.d", "etc/ld.so.cache", "etc/mtab",
    "etc/.pwd.lock", "etc/machine-id", "etc/adjtime", "etc/systemd/system/*.wants", "*.db",
    "etc/passwd", "etc/passwd-", "etc/group", "etc/group-", "etc/subuid*", "etc/subgid*",
)  # fmt: skip


def _any_of(patterns: tuple[str, ...]) -> str:
    return " -o ".join(f"-path '{pattern}'" for pattern in patterns)


# Constant text: the patterns above hold nothing that a shell could misread within quotes.
_TAKE = f"""
cd /
hidden() {{ find etc -xdev \\( {_any_of(_DERIVED)} \\) -prune -o -type f \
  \\( {_any_of(_SECRETS)} -o -size +512 \\) -print0; }}
shown() {{ find etc -xdev \\( {_any_of(_DERIVED)} \\) -prune -o \
  \\( -type l -o -type f -size -513 \\) ! \\( {_any_of(_SECRETS)} \\) -print0; }}
dpkg-query -W -f 'package\\t${{Package}}\\t${{db:Status-Abbrev}}\\t${{Version}}\\n'
dpkg-query -W -f '${{Conffiles}}\\n' |
  sed -n 's|^ /\\([^ ]*\\) \\([0-9a-f]*\\).*|conffile\\t\\1\\t\\2|p'
find etc/systemd/system etc/rc2.d etc/rcS.d -type l -printf 'link\\t%p\\t%l\\n'
systemctl list-units --all --type=service,socket,timer --no-legend --plain |
  while read -r unit load active rest; do printf 'unit\\t%s\\t%s\\n' "$unit" "$active"; done
getent passwd | sed 's/^/account\\t/'
getent group | sed 's/^/group\\t/'
getent passwd | while IFS=: read -r name x uid rest; do
  if [ "$uid" -eq 0 ] || {{ [ "$uid" -ge 1000 ] && [ "$uid" -lt 60000 ]; }}; then
    printf 'password\\t%s\\t%s\\n' "$name" "$(getent shadow "$name" | cut -d: -f2 | sha256sum)"
  fi
done
hidden | xargs -0 -r sha256sum -z | tr '\\0' '\\n' | sed 's/^\\([0-9a-f]*\\)  /hidden\\t\\1\\t/'
printf 'files\\t'
shown | tar --null -T - --no-recursion -cf - | gzip -1 | base64 -w 0
echo
"""


@dataclass(frozen=True)
class FileState:
    """A file or link: its text (None for what is not shown), checksum, mode and owner.

    A link's text is `-> TARGET`; `mode` is octal, `owner` is `user:group`.
    """

    text: str | None
    md5: str
    mode: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Manifest:
    """One host at one moment. Paths are absolute; `conffiles` holds what packages bring.

    `at_boot` maps a unit to `enabled` or `masked`, `now` to `active`, `inactive` or `failed`;
    `passwords` an account to a checksum of its password's own salted hash.
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
    """The host's manifest as text, to keep or to `parse`. Only reads; raises LabError."""
    return target.remote.script(_TAKE).stdout


def parse(text: str) -> Manifest:
    """The manifest that `take` gave; raises WrongState for a text that is none."""
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
            _("what was kept of a host cannot be read"),
            cause=str(error),
            hint=commands("labctl reset"),
        ) from error


def _entries(rows: list[list[str]]) -> dict[str, tuple[str, ...]]:
    """passwd(5) or group(5): the name, and the fields but the password's place."""
    fields = [row[0].split(":") for row in rows]
    return {name: tuple(rest) for name, _x, *rest in fields}


def _at_boot(rows: dict[str, list[list[str]]]) -> dict[str, str]:
    """What systemd's own links say of a unit: `enabled` or `masked`.

    As `systemctl enable` and `mask` make them (systemd.unit(5)), with the links of the old
    start scripts. systemctl itself takes seconds for the list, for it asks a script for each.
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
    """`active`, `inactive` or `failed`; what is on the way there counts as there."""
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
                # A link's own mode says nothing.
                mode=f"{entry.mode:o}" if entry.isfile() else "",
                owner=f"{entry.uname}:{entry.gname}",
            )
    return files


def _text(data: bytes) -> str | None:
    """The text, or None for what is none."""
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
