"""How many files and connections a process that serves a class may have open."""

from __future__ import annotations

_MOST_FILES = 65536


def allow_many_files() -> None:
    """Allow many open files, if the system does: each browser and terminal needs some.

    Processes that this one starts inherit it.
    """
    # Not available on every system, and labctl is imported on all of them.
    import resource

    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, _MOST_FILES) if hard != resource.RLIM_INFINITY else _MOST_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
