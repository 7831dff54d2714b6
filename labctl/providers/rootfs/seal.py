"""The seal of an image layer, so that an altered layer is never used.

One hash of the names, kinds, modes, owners, sizes and times of all files. Reading these takes a
tenth of a second; reading the contents would take much longer. A flipped bit on disk is not found.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.home import write_atomically
from labctl.run import run

VERSION = 1
# find(1): path, kind and mode, owners, time of the last change of the content; size and link.
_FOLDER = r"%P\t%M\t%U\t%G\t%T@\0"
_FILE = r"%P\t%M\t%U\t%G\t%T@\t%s\t%l\0"


class _Seal(BaseModel):
    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    below: tuple[str, ...]
    content: str


def seal(folder: Path, layer: Path, below: tuple[str, ...]) -> None:
    """Seal the contents of `folder` as `layer`, which is built on the layers `below`."""
    written = _Seal(below=below, content=_content(folder))
    write_atomically(_file(layer), written.model_dump_json())


def is_sealed(layer: Path) -> bool:
    """Whether the layer exists, complete and unchanged."""
    written = _read(layer)
    return written is not None and layer.is_dir() and written.content == _content(layer)


def built_on(layer: Path) -> list[Path]:
    """The layers that were built on this one."""
    found = []
    for path in layer.parent.glob("*.seal"):
        other = path.with_suffix("")
        written = _read(other)
        if written is not None and layer.name in written.below:
            found.append(other)
    return found


def break_seal(layer: Path) -> None:
    _file(layer).unlink(missing_ok=True)


def _file(layer: Path) -> Path:
    return layer.with_name(f"{layer.name}.seal")


def _read(layer: Path) -> _Seal | None:
    with suppress(OSError, ValidationError):
        written = _Seal.model_validate_json(_file(layer).read_bytes())
        return written if written.version == VERSION else None
    return None


def _content(folder: Path) -> str:
    # The size of a folder depends on the files it ever had, and differs in a copy.
    kinds = ["-type", "d", "-printf", _FOLDER, "-o", "-printf", _FILE]
    told = run(["find", str(folder), "-mindepth", "1", *kinds]).stdout
    # Sort the files, because the order in a folder depends on the file system.
    return hashlib.sha256("\0".join(sorted(told.split("\0"))).encode()).hexdigest()
