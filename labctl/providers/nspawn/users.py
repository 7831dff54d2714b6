"""The user ids that a host's users have on this machine: root in a host is nobody here.

One range for all hosts, so that all stand on the same image. It lies in what systemd keeps
unused: above the ids that systemd-nspawn picks itself and that /etc/subuid is given by
useradd(8), below those that programs take for negative
(https://systemd.io/UIDS-GIDS/). systemd-nspawn calls this a user namespace.
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
# For files that have the range's owners already.
OPTIONS = (_NAMESPACE, "--private-users-ownership=off")
# For files of this machine's owners: gives them all away before the container starts.
SHIFTING = (_NAMESPACE, "--private-users-ownership=chown")

_SUBUID = Path("/etc/subuid")


def give(path: Path, uid: int = 0) -> None:
    """Makes a file, or a symbolic link itself, that host user's, and of the group of that id."""
    os.chown(path, FIRST + uid, FIRST + uid, follow_symlinks=False)


def ensure_free() -> None:
    """Raises MachineLacks where this machine gave ids of the range to somebody else."""
    for name, first, count in (*_users(), *_subordinate()):
        if first < RANGE.stop and RANGE.start < first + count:
            raise MachineLacks(
                _("user ids that the lab's hosts need are in use"),
                cause=f"{name}: {first}–{first + count - 1}",
                hint=commands("labctl doctor", text=_("use a provider that works on this machine")),
            )


def _users() -> Iterator[tuple[str, int, int]]:
    # Not everywhere: labctl is imported where there are no containers, too.
    import pwd

    return ((user.pw_name, user.pw_uid, 1) for user in pwd.getpwall())


def _subordinate() -> Iterator[tuple[str, int, int]]:
    """The lines of subuid(5): a name, the first id and how many."""
    text = _SUBUID.read_text(encoding="utf-8", errors="replace") if _SUBUID.exists() else ""
    for line in text.splitlines():
        name, _colon, numbers = line.partition(":")
        first, _colon, count = numbers.partition(":")
        if first.isdecimal() and count.isdecimal():
            yield name, int(first), int(count)
