"""Where one lab keeps its things on this machine."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from labctl.errors import WrongUsage
from labctl.i18n import _

APP = "labctl"

_LAB_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True)
class LabHome:
    """The folders and files of the lab called `name`.

    `state` holds what is the lab's own and dies with it; `cache` is shared by all labs of
    this user and may be deleted at any time while no lab runs.
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

    @property
    def lock_file(self) -> Path:
        # Beside the lab's folder: `destroy` removes the folder while it holds the lock.
        return self.state.parent / f".{self.name}.lock"


def lab_home(name: str) -> LabHome:
    """The home of the lab called `name` under the user's own state and cache folders.

    Both are absolute and free of symbolic links, as the kernel names what is mounted there.
    Raises WrongUsage for what cannot be a lab's name: a folder is made, and one day removed,
    by that name.
    """
    if not _LAB_NAME.fullmatch(name):
        raise WrongUsage(
            _("{name} cannot be the name of a lab", name=repr(name)),
            hint=_("lower-case letters, digits and hyphens, 32 at most"),
        )
    cache = platformdirs.user_cache_path(APP).resolve()
    return LabHome(name=name, state=_labs() / name, cache=cache)


def lab_names() -> list[str]:
    """The labs that have a folder on this machine, for this user."""
    return sorted(
        path.name for path in _labs().glob("*") if path.is_dir() and _LAB_NAME.fullmatch(path.name)
    )


def _labs() -> Path:
    return platformdirs.user_state_path(APP).resolve() / "labs"


@contextmanager
def written_for_person(path: Path) -> Iterator[None]:
    """While a file is written that a person named: WrongUsage where it cannot be."""
    try:
        yield
    except OSError as error:
        raise WrongUsage(
            _("{path} cannot be written", path=path), cause=error.strerror or str(error)
        ) from error


def write_for_person(path: Path, text: str) -> None:
    """Writes a file that a person named, whole or not at all; WrongUsage where it cannot be.

    A device, a pipe or a link is written through: root would put a file in /dev/null's place.
    """
    with written_for_person(path):
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_text(text, encoding="utf-8")
        else:
            write_atomically(path, text)


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Writes a whole file or leaves the old one; `mode` holds from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        # On Windows too: OpenSSH refuses a key whose lines end in CR LF.
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as sink:
            sink.write(text)
            sink.flush()
            os.fsync(sink.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
