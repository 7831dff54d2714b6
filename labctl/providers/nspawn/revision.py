"""Notices that somebody changed a host, without asking the host.

What a host writes is in the writable layer of its root, so the times of the files there tell of
every change. The groups of its services tell which of them run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from labctl.providers.rootfs.cgroup import Cgroup
from labctl.trees import entries, has_link

# Where settings, zones and the list of packages are. What logs, mail and programs write by
# themselves is left out, or every check would look like a change.
_WATCHED = ("etc", "var/named", "var/lib/bind", "var/cache/bind", "var/lib/dpkg", "var/lib/rpm")
# Files of a lab that are looked at. The watcher has other labs to look at, too.
_MOST = 20_000
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
    left = _MOST
    for upper, cgroup in hosts:
        for path in _WATCHED:
            # A link would lead into the machine's own files.
            entered = () if has_link(upper, path) else entries(upper / path)
            found = [(name, each.st_ctime_ns) for name, each in islice(entered, left)]
            # Those that are left out below took their time, too.
            left -= len(found)
            for name, status in sorted(each for each in found if not each[0].endswith(_OWN)):
                seen.update(f"{name}\0{status}\0".encode(errors="surrogateescape"))
        for name in cgroup.services():
            if not name.startswith(_PASSING):
                seen.update(f"{name}\0".encode())
    return seen.hexdigest()[:16]
