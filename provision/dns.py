"""Chapter 5, which chapter 6 needs: BIND for the host's own zone, and a resolver."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

from labctl.i18n import N_
from labctl.lab import Host
from labctl.managed import ManagedFile
from labctl.results import Change
from provision.changes import wrote_any
from provision.dns_check import check
from provision.render import render
from provision.services import keep_running
from provision.step import Scene, Step, Target, packages_of

_RESOLV_CONF = "/etc/resolv.conf"


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """BIND's configuration, the host's zone, and resolv.conf."""
    return (*_bind_files(scene), _resolv_conf(scene))


def _bind_files(scene: Scene) -> tuple[ManagedFile, ...]:
    bind = scene.family.bind
    is_parent = scene.host.account is None
    with_parent = scene.lab.with_parent

    def file(path: str, template: str, **values: Any) -> ManagedFile:
        return render(scene, path, template=f"/etc/bind/{template}", group=bind.group, **values)

    def zone(serial: int) -> ManagedFile:
        path = bind.zone_file(scene.host.domain)
        return file(path, "db.domain", is_parent=is_parent, serial=serial)

    # In the form of a date with a counter, as the book writes it, and below 2**32 (RFC 1035).
    serial = 2_000_000_000 + zlib.crc32(zone(0).content.encode()) % 2_000_000_000
    options = file(bind.options, "named.conf.options", recursion=is_parent or not with_parent)
    zones = file(
        bind.zones,
        "named.conf.local",
        is_parent=is_parent,
        peer=None if with_parent else scene.peer,
    )
    main = file(bind.main, "named.conf")
    if bind.zones == bind.main:
        return (_joined(options, zones, main), zone(serial))
    return (main, options, zones, zone(serial))


def _joined(first: ManagedFile, *others: ManagedFile) -> ManagedFile:
    """One file with the contents of several that have its path."""
    files = (first, *others)
    return replace(
        first,
        content="\n".join(file.content for file in files),
        deviations=tuple(each for file in files for each in file.deviations),
    )


def resolver(scene: Scene) -> Host:
    """The host whose BIND this host asks: the book's host0, or itself without a host0."""
    return scene.lab.edition.parent if scene.lab.with_parent else scene.host


def _resolv_conf(scene: Scene) -> ManagedFile:
    return render(scene, _RESOLV_CONF, nameserver=resolver(scene).address)


def apply(target: Target) -> list[Change]:
    """Install BIND, write its files and the zone, run it, and then use it for names."""
    family = target.family
    installed = family.packages.install(target, packages_of(target).dns)
    bind, resolving = _bind_files(target.scene), [_resolv_conf(target.scene)]
    # Until a new BIND runs, apt and other programs need the resolver that was there.
    early, late = (bind, resolving) if installed else ((*bind, *resolving), [])
    written = target.install(early)
    paths = [file.path for file in bind]
    changed = wrote_any(written, paths)
    running = keep_running(target, family.bind.unit, family.bind.pid_file, paths, changed=changed)
    opened = family.firewall.open_dns(target)
    return [*installed, *written, *running, *opened, *target.install(late)]


STEP = Step(
    name="dns",
    section="DNSサーバーの構築",
    summary=N_("serves the host's own zone with BIND and resolves the other's"),
    apply=apply,
    check=check,
    files=files,
    packages="dns",
    checkpoint="dns",
    on_parent=True,
)
