"""The folders and files of a lab on this machine."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from labctl.errors import WrongState, WrongUsage, words_of
from labctl.hint import commands
from labctl.i18n import _
from labctl.trees import remove_tree

APP = "labctl"
# Folders in place of the system's own, as on Windows, where some programs cannot work with every
# user name.
STATE_VARIABLE = "LABCTL_STATE_DIR"
CACHE_VARIABLE = "LABCTL_CACHE_DIR"

_LAB_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True)
class LabHome:
    """The folders and files of the lab called `name`.

    `state` belongs to the lab and is removed with it. `cache` is shared by all labs of this
    user; it may be deleted while no lab runs.
    """

    name: str
    state: Path
    cache: Path

    @property
    def state_file(self) -> Path:
        return self.state / "state.json"

    @property
    def credentials_file(self) -> Path:
        return self.state / "credentials.json"

    @property
    def key_file(self) -> Path:
        return self.state / "ssh" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.state / "ssh" / "known_hosts"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def drill_file(self) -> Path:
        return self.state / "drill.json"

    def kept_drill_file(self, checkpoint: str) -> Path:
        """The record of the drill that was active in the state before a reset or an undo."""
        return self.state / "drills" / f"{checkpoint}.json"

    @property
    def lock_file(self) -> Path:
        # Outside the lab's folder, because `destroy` removes the folder while it holds the lock.
        return self.state.parent / f".{self.name}.lock"


def lab_home(name: str) -> LabHome:
    """The home of the lab called `name` in the user's state and cache folders.

    Both paths are absolute and without symbolic links, like the kernel's names of mount points.
    Raises WrongUsage for an invalid name, because a folder with that name is created and
    removed.
    """
    if not _LAB_NAME.fullmatch(name):
        raise WrongUsage(
            _("{name} is not a valid name of a lab", name=repr(name)),
            hint=_("at most 32 lower-case letters, digits and hyphens"),
        )
    cache = cache_folder()
    return LabHome(name=name, state=_labs() / name, cache=cache)


def lab_names() -> list[str]:
    """The labs of this user that have a folder on this machine."""
    return sorted(
        path.name for path in _labs().glob("*") if path.is_dir() and _LAB_NAME.fullmatch(path.name)
    )


def state_folder() -> Path:
    """Where all labs of this user keep what is their own, free of symbolic links."""
    return _folder(STATE_VARIABLE, platformdirs.user_state_path(APP))


def cache_folder() -> Path:
    """Where this user's labs share what can be made again, free of symbolic links."""
    return _folder(CACHE_VARIABLE, platformdirs.user_cache_path(APP))


def _folder(variable: str, default: Path) -> Path:
    named = os.environ.get(variable)
    return (Path(named) if named else default).resolve()


def _labs() -> Path:
    return state_folder() / "labs"


@contextmanager
def written_for_person(path: Path) -> Iterator[None]:
    """Turn write errors inside the block into WrongUsage, for a path that the user chose."""
    try:
        yield
    except OSError as error:
        raise WrongUsage(
            _("{path} cannot be written", path=path), cause=error.strerror or words_of(error)
        ) from error


def ensure_folder_of(path: Path) -> None:
    """Raise WrongUsage if the folder of a file that the user named does not exist.

    It is not made: the path is probably misspelt.
    """
    folder = path.absolute().parent
    if not folder.exists():
        raise WrongUsage(
            _("{path} cannot be written", path=path),
            cause=_("there is no folder {path}", path=folder),
            hint=_("make the folder first, or name another file"),
        )


def write_for_person(path: Path, text: str) -> None:
    """Write a file at a path that the user chose, atomically. Raises WrongUsage on failure.

    Devices, pipes and links are written in place: as root, a rename would replace /dev/null.
    """
    ensure_folder_of(path)
    with written_for_person(path):
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_text(text, encoding="utf-8")
        else:
            write_atomically(path, text)


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file atomically. `mode` applies from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        # Use LF on Windows too, because OpenSSH refuses a key with CR LF.
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as sink:
            sink.write(text)
            sink.flush()
            os.fsync(sink.fileno())
        Path(temporary).chmod(mode)
        _move(Path(temporary), path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _move(source: Path, target: Path) -> None:
    """Replace a file. Windows refuses while somebody reads it, so try again for two seconds."""
    if sys.platform != "win32":
        source.replace(target)
        return
    # Not at the top, because every command imports this module.
    from labctl.waiting import retry_while

    retry_while(
        lambda error: isinstance(error, PermissionError),
        lambda: source.replace(target),
        seconds=2,
        every=0.05,
    )


def remove_folder(folder: Path) -> None:
    """Remove a folder with everything in it; nothing happens if it does not exist.

    Raises:
        WrongState: Something stayed, as on Windows a file that a program has open.
    """
    kept: list[str] = []

    def keep(_function: object, path: str, error: Any) -> None:
        if not isinstance(error[1], FileNotFoundError):
            kept.append(path)

    remove_tree(folder, keep)
    if kept:
        raise _stays(kept[0])


def remove_path(path: Path) -> None:
    """Remove a file, or a folder with everything in it; raises what remove_folder raises."""
    if path.is_dir() and not path.is_symlink():
        remove_folder(path)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _stays(str(path)) from error


def _stays(path: str) -> WrongState:
    return WrongState(
        _("{path} cannot be removed", path=path),
        cause=_("a program may have it open"),
        hint=commands(
            "labctl destroy", text=_("close the programs that use it, then run this again")
        ),
    )
