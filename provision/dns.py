"""Chapter 5, which chapter 6 needs: BIND for the host's own zone, and who resolves names."""

from __future__ import annotations

import zlib

from labctl.i18n import N_
from labctl.lab import Host
from labctl.managed import ManagedFile
from labctl.results import Change
from provision.apt import install_packages
from provision.dns_check import check
from provision.render import render
from provision.services import keep_running
from provision.step import Scene, Step, Target

_PID_FILE = "/run/named/named.pid"
_RESOLV_CONF = "/etc/resolv.conf"


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """BIND's configuration, the host's zone, and resolv.conf."""
    return (*_bind_files(scene), _resolv_conf(scene))


def _bind_files(scene: Scene) -> tuple[ManagedFile, ...]:
    is_parent = scene.host.account is None
    with_parent = scene.lab.choices.dns == "parent"
    return (
        render(scene, "/etc/bind/named.conf", group="bind"),
        render(
            scene,
            "/etc/bind/named.conf.options",
            group="bind",
            recursion=is_parent or not with_parent,
        ),
        render(
            scene,
            "/etc/bind/named.conf.local",
            group="bind",
            is_parent=is_parent,
            peer=None if with_parent else scene.peer,
        ),
        _zone(scene, is_parent),
    )


def _zone(scene: Scene, is_parent: bool) -> ManagedFile:
    def zone(serial: int) -> ManagedFile:
        return render(
            scene,
            f"/etc/bind/db.{scene.host.domain}",
            template="/etc/bind/db.domain",
            group="bind",
            is_parent=is_parent,
            serial=serial,
        )

    # In the form of a date with a counter, as the book writes it, and below 2**32 (RFC 1035).
    return zone(2_000_000_000 + zlib.crc32(zone(0).content.encode()) % 2_000_000_000)


def resolver(scene: Scene) -> Host:
    """The host whose BIND this host asks: the book's host0, or itself where there is none."""
    return scene.lab.edition.parent if scene.lab.choices.dns == "parent" else scene.host


def _resolv_conf(scene: Scene) -> ManagedFile:
    return render(scene, _RESOLV_CONF, nameserver=resolver(scene).address)


def apply(target: Target) -> list[Change]:
    """Installs BIND, writes its files and the zone, has it run, and then asks it for names."""
    installed = install_packages(target, target.lab.edition.packages.dns)
    bind, resolving = _bind_files(target.scene), [_resolv_conf(target.scene)]
    # Until a new BIND runs, apt and others need the resolver that was there.
    early, late = (bind, resolving) if installed else ((*bind, *resolving), [])
    written = target.install(early)
    paths = [file.path for file in bind]
    changed = {change.what.removeprefix("wrote ") for change in written} & set(paths)
    running = keep_running(target, "named", _PID_FILE, paths, changed=bool(changed))
    return [*installed, *written, *running, *target.install(late)]


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
