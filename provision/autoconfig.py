"""Thunderbird's automatic set-up: name, address and password are then all one has to type.

Not in the book. Thunderbird asks `autoconfig.DOMAIN` for a file in Mozilla's format
(https://wiki.mozilla.org/Thunderbird:Autoconfiguration); BusyBox's httpd, of 1.5 MiB, gives it.
"""

from __future__ import annotations

from labctl.i18n import N_
from labctl.managed import ManagedFile
from labctl.results import Change
from provision.autoconfig_check import PATHS, check, servers_of
from provision.render import render
from provision.services import keep_running
from provision.step import Scene, Step, Target

_UNIT = "autoconfig"
_ROOT = "/srv/autoconfig"
# Made anew by systemd at each start.
_MARKER = "/run/autoconfig"


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """The web server's unit and configuration, and the one page under both its paths."""
    servers = servers_of(scene.host)
    return (
        render(scene, f"/etc/systemd/system/{_UNIT}.service"),
        render(scene, "/etc/autoconfig/httpd.conf"),
        *(
            render(scene, _ROOT + path, template=_ROOT + PATHS[0], servers=servers)
            for path in PATHS
        ),
    )


def apply(target: Target) -> list[Change]:
    """Writes the files and has the web server run; its package came with the mail servers'."""
    unit, configuration, *_pages = managed = files(target.scene)
    written = target.install(managed)
    read = (unit.path, configuration.path)
    changed = any(change.what == f"wrote {path}" for change in written for path in read)
    return [*written, *keep_running(target, _UNIT, _MARKER, read, changed=changed)]


STEP = Step(
    name="autoconfig",
    section="Thunderbirdの自動設定",
    summary=N_("answers Thunderbird's automatic set-up over HTTP"),
    apply=apply,
    check=check,
    files=files,
    requires=("dns", "firewall"),
    checkpoint="ready",
    extra=True,
)
