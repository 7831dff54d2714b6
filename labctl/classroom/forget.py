"""Between two groups: the class stays, and nothing of its people."""

from __future__ import annotations

from labctl.classroom.codes import codes_file
from labctl.classroom.history import history_file
from labctl.classroom.life import forget_names
from labctl.classroom.roll import Roll
from labctl.home import remove_path


def forget_group(roll: Roll) -> Roll:
    """Remove names, codes, logins, notes and history. Returns the class without names.

    New codes are made when they are needed. No board of the class may run.
    """
    nameless = forget_names(roll)
    remove_path(codes_file(roll))
    kept = history_file(roll)
    # SQLite has the newest changes in files beside it.
    for name in (kept.name, f"{kept.name}-wal", f"{kept.name}-shm"):
        remove_path(kept.with_name(name))
    return nameless
