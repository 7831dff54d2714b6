"""Notices that somebody changed a host, without asking the host.

What a host writes is in the writable layer of its root, so the times of the files there tell of
every change. The groups of its services tell which of them run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from labctl.providers.rootfs.cgroup import Cgroup

# Where settings, zones and the list of packages are. What logs, mail and programs write by
# themselves is left out, or every check would look like a change.
_WATCHED = ("etc", "var/named", "var/lib/bind", "var/cache/bind", "var/lib/dpkg", "var/lib/rpm")
# named(8) writes these, whatever anybody does.
_OWN = (".jnl", ".jbk", "managed-keys.bind", "managed-keys.bind.jnl", "named.run", "named.stats")
# Services that come and go by themselves, or with a login.
_PASSING = (
    "systemd-",
    "user@",
    "user-runtime-dir@",
    "apt-",
    "dpkg-",
    "logrotate",
    "man-db",
    "e2scrub",
)


def revision(hosts: Iterable[tuple[Path, Cgroup]]) -> str:
    """A text that changes with the files of the writable layers and the services of the groups."""
    seen = hashlib.sha256()
    for upper, cgroup in hosts:
        for path in _WATCHED:
            for name, what in sorted(_entries(upper / path)):
                seen.update(f"{name}\0{what}\0".encode(errors="surrogateescape"))
        for name in cgroup.services():
            if not name.startswith(_PASSING):
                seen.update(f"{name}\0".encode())
    return seen.hexdigest()[:16]


def _entries(folder: Path) -> Iterator[tuple[str, int]]:
    """The files below a folder with the time of their last change, of content or of owner."""
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            if entry.name.endswith(_OWN):
                continue
            with suppress(OSError):
                yield entry.path, entry.stat(follow_symlinks=False).st_ctime_ns
                if entry.is_dir(follow_symlinks=False):
                    yield from _entries(Path(entry.path))
