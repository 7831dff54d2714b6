"""Folder trees that somebody else shaped: root of a host may nest folders without end.

Python's own walks recurse, so that some thousand levels end the program.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path


def entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Each file and folder below `folder` with its status. No link is followed.

    What cannot be read, or disappears meanwhile, is left out.
    """
    left = [str(folder)]
    while left:
        with suppress(OSError), os.scandir(left.pop()) as found:
            for entry in found:
                with suppress(OSError):
                    yield entry.path, entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)


def has_link(root: Path, path: str) -> bool:
    """Whether a part of the relative `path` below `root` is a symbolic link."""
    return any((root / part).is_symlink() for part in (path, *map(str, Path(path).parents)))


def remove_tree(
    folder: Path, failed: Callable[[object, str, object], object] | None = None
) -> None:
    """Remove a folder with everything in it, as far as possible.

    Args:
        failed: called for each path that stays, as by shutil.rmtree.
    """
    try:
        shutil.rmtree(folder, ignore_errors=failed is None, onerror=failed)
    except RecursionError:
        # Imported here, because each command imports this module and few start a program.
        from labctl.run import run

        done = run(["rm", "-rf", "--", str(folder)], check=False)
        if failed is not None and not done.ok:
            failed(None, str(folder), (OSError, OSError(done.stderr.strip()), None))
