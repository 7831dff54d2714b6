"""The user ids of the hosts on this machine. root in a host has no privileges here.

All hosts share one range, so that they can use the same image. systemd keeps this range unused: it
is above the ids of systemd-nspawn and of useradd(8) in /etc/subuid, and below those that programs
read as negative (https://systemd.io/UIDS-GIDS/).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from labctl.errors import MachineLacks
from labctl.hint import commands
from labctl.i18n import _

FIRST = 0x7000_0000
COUNT = 0x1_0000
RANGE = range(FIRST, FIRST + COUNT)

_NAMESPACE = f"--private-users={FIRST}:{COUNT}"
# For files whose owners are already in the range.
OPTIONS = (_NAMESPACE, "--private-users-ownership=off")
# For files with this machine's owners: changes all owners before the container starts.
SHIFTING = (_NAMESPACE, "--private-users-ownership=chown")

_SUBUID = Path("/etc/subuid")


def give(path: Path, uid: int = 0) -> None:
    """Set the owner and group of a file or symbolic link to a user of the hosts."""
    os.chown(path, FIRST + uid, FIRST + uid, follow_symlinks=False)


def ensure_free() -> None:
    """Raise MachineLacks if ids of the range are already in use on this machine."""
    for name, first, count in (*_users(), *_subordinate_here()):
        if first < RANGE.stop and RANGE.start < first + count:
            raise MachineLacks(
                _("user ids that the lab's hosts need are in use"),
                cause=f"{name}: {first}–{first + count - 1}",
                hint=commands("labctl doctor", text=_("use a provider that works on this machine")),
            )


def _users() -> Iterator[tuple[str, int, int]]:
    # Not available on every system, and labctl is imported on all of them.
    import pwd

    return ((user.pw_name, user.pw_uid, 1) for user in pwd.getpwall())


def _subordinate_here() -> Iterator[tuple[str, int, int]]:
    text = _SUBUID.read_text(encoding="utf-8", errors="replace") if _SUBUID.exists() else ""
    return subordinate_ids(text)


def subordinate_ids(text: str) -> Iterator[tuple[str, int, int]]:
    """The lines of subuid(5): a name, the first id and how many. Malformed lines are left out."""
    for line in text.splitlines():
        name, _colon, numbers = line.partition(":")
        first, _colon, count = numbers.partition(":")
        if first.isdecimal() and count.isdecimal():
            yield name, int(first), int(count)
