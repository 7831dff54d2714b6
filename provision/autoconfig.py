"""Thunderbird's automatic set-up: a person types name, address and password only.

It is not in the book. Thunderbird asks `autoconfig.DOMAIN` for a file in Mozilla's format
(https://wiki.mozilla.org/Thunderbird:Autoconfiguration). BusyBox's httpd (1.5 MiB) serves it.
"""

from __future__ import annotations

from labctl.i18n import N_
from labctl.managed import ManagedFile
from labctl.results import Change
from provision.autoconfig_check import PATHS, UNIT, check, servers_of
from provision.changes import wrote_any
from provision.render import render
from provision.services import keep_running
from provision.step import WHOLE, Scene, Step, Target

_ROOT = "/srv/autoconfig"
# systemd makes it at each start.
_MARKER = "/run/autoconfig"


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """The web server's unit and configuration, and the page under both of its paths."""
    servers = servers_of(scene.host, scene.lab.edition)
    return (
        render(scene, f"/etc/systemd/system/{UNIT}.service"),
        render(scene, "/etc/autoconfig/httpd.conf"),
        *(
            render(scene, _ROOT + path, template=_ROOT + PATHS[0], servers=servers)
            for path in PATHS
        ),
    )


def apply(target: Target) -> list[Change]:
    """Write the files and run the web server. Its package is in the package set `mail`."""
    unit, configuration, *_pages = managed = files(target.scene)
    written = target.install(managed)
    read = (unit.path, configuration.path)
    changed = wrote_any(written, read)
    return [*written, *keep_running(target, UNIT, _MARKER, read, changed=changed)]


STEP = Step(
    name="autoconfig",
    section=N_("Automatic set-up of Thunderbird"),
    summary=N_("answers Thunderbird's automatic set-up over HTTP"),
    apply=apply,
    check=check,
    files=files,
    requires=("dns", "firewall"),
    checkpoint=WHOLE,
    extra=True,
)
