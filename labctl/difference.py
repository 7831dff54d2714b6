"""The differences between two manifests of a host, as data."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from labctl.i18n import N_
from labctl.manifest import FileState, Manifest

# Translated when they are shown.
A_PASSWORD, ANOTHER_PASSWORD = N_("a password"), N_("another password")

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class FileChange:
    """A file below /etc. `diff` is a unified diff, or empty if the contents are `hidden`.

    `modes` and `owners` are those before and after, or empty if they are the same.
    """

    path: str
    kind: Kind
    diff: tuple[str, ...] = ()
    hidden: bool = False
    modes: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True)
class Changed:
    """A package, service, account or group, before and after; "" means absent.

    A password is `A_PASSWORD` before and `ANOTHER_PASSWORD` after.
    """

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class HostDifference:
    """All that differs on one host."""

    host: str
    files: tuple[FileChange, ...]
    packages: tuple[Changed, ...]
    services: tuple[Changed, ...]
    accounts: tuple[Changed, ...]
    groups: tuple[Changed, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.files or self.packages or self.services or self.accounts or self.groups)


@dataclass(frozen=True)
class Difference:
    """All hosts against the checkpoint `since`."""

    since: str
    hosts: tuple[HostDifference, ...]

    @property
    def is_empty(self) -> bool:
        return all(host.is_empty for host in self.hosts)


def compare(host: str, before: Manifest, after: Manifest) -> HostDifference:
    """Compare two manifests. Unchanged files of a new or removed package are not listed."""
    return HostDifference(
        host=host,
        files=_files(before, after),
        packages=_changed(before.packages, after.packages),
        services=_services(before, after),
        accounts=(*_changed(_accounts(before), _accounts(after)), *_passwords(before, after)),
        groups=_changed(_groups(before), _groups(after)),
    )


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Changed, ...]:
    names = sorted({*old, *new})
    found = (Changed(name, old.get(name, ""), new.get(name, "")) for name in names)
    return tuple(change for change in found if change.before != change.after)


def _services(before: Manifest, after: Manifest) -> tuple[Changed, ...]:
    """Units that start or started at boot, their instances, and failed units."""
    units = {*before.at_boot, *after.at_boot, *before.now, *after.now}
    told = {unit for unit in units if _is_told(unit, before) or _is_told(unit, after)}
    was = {unit: _state(unit, before) for unit in told}
    return _changed(was, {unit: _state(unit, after) for unit in told})


def _is_told(unit: str, manifest: Manifest) -> bool:
    base, at, _instance = unit.partition("@")
    is_instance_of_told = bool(at) and f"{base}.service" in manifest.at_boot
    return unit in manifest.at_boot or is_instance_of_told or manifest.now.get(unit) == "failed"


def _state(unit: str, manifest: Manifest) -> str:
    """The state as `enabled, active`. systemd does not list a unit that is neither."""
    return f"{manifest.at_boot.get(unit, 'disabled')}, {manifest.now.get(unit, 'inactive')}"


def _accounts(manifest: Manifest) -> dict[str, str]:
    """passwd(5): uid, gid, comment, home folder, shell."""
    return {
        name: f"uid {uid}, gid {gid}, {home}, {shell}"
        for name, (uid, gid, _gecos, home, shell) in manifest.accounts.items()
    }


def _passwords(before: Manifest, after: Manifest) -> tuple[Changed, ...]:
    """Accounts whose password changed. The passwords are not shown."""
    both = sorted(before.passwords.keys() & after.passwords.keys())
    return tuple(
        Changed(name, A_PASSWORD, ANOTHER_PASSWORD)
        for name in both
        if before.passwords[name] != after.passwords[name]
    )


def _groups(manifest: Manifest) -> dict[str, str]:
    """group(5): gid and members. The order of the members is irrelevant."""
    return {
        name: f"gid {gid}: {', '.join(sorted(filter(None, members.split(','))))}".rstrip(": ")
        for name, (gid, members) in manifest.groups.items()
    }


def _files(before: Manifest, after: Manifest) -> tuple[FileChange, ...]:
    found = []
    for path in sorted({*before.files, *after.files}):
        old, new = before.files.get(path), after.files.get(path)
        if old == new or _is_packages_own(path, old, new, before, after):
            continue
        kind: Kind = "added" if old is None else "removed" if new is None else "changed"
        found.append(
            FileChange(
                path,
                kind,
                _unified(path, old, new),
                hidden=any(side is not None and side.text is None for side in (old, new)),
                modes=_both(old, new, lambda side: side.mode),
                owners=_both(old, new, lambda side: side.owner),
            )
        )
    return tuple(found)


def _is_packages_own(
    path: str, old: FileState | None, new: FileState | None, before: Manifest, after: Manifest
) -> bool:
    """Whether the file is unchanged from its package and came or went with it."""
    if old is None and new is not None:
        return after.conffiles.get(path) == new.md5 and path not in before.conffiles
    if new is None and old is not None:
        return before.conffiles.get(path) == old.md5 and path not in after.conffiles
    return False


def _unified(path: str, old: FileState | None, new: FileState | None) -> tuple[str, ...]:
    was = "" if old is None else old.text
    is_now = "" if new is None else new.text
    if was is None or is_now is None:
        return ()
    lines = difflib.unified_diff(
        was.splitlines(), is_now.splitlines(), f"a{path}", f"b{path}", lineterm=""
    )
    return tuple(lines)


def _both(
    old: FileState | None, new: FileState | None, fact: Callable[[FileState], str]
) -> tuple[str, ...]:
    """A fact before and after; empty if it is the same, or unknown on one side."""
    if old is None or new is None:
        return ()
    was, is_now = fact(old), fact(new)
    return (was, is_now) if was and is_now and was != is_now else ()
