"""What an image layer was when it was built, so that an altered one is never stood upon.

Names, kinds, modes, owners, sizes and times of all its files, as one hash: to read them takes
a tenth of a second, to read the files would take many. A bit that a disk lost is not seen.
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
    """Seals what is in `folder` as that which `layer`, built on the layers `below`, will hold."""
    written = _Seal(below=below, content=_content(folder))
    write_atomically(_file(layer), written.model_dump_json())


def is_sealed(layer: Path) -> bool:
    """Is the layer there, whole and as it was built?"""
    written = _read(layer)
    return written is not None and layer.is_dir() and written.content == _content(layer)


def built_on(layer: Path) -> list[Path]:
    """The layers beside it that were built on this one."""
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
    # A folder's own size says how many files it ever had, and is another in a copy.
    kinds = ["-type", "d", "-printf", _FOLDER, "-o", "-printf", _FILE]
    told = run(["find", str(folder), "-mindepth", "1", *kinds]).stdout
    # The order in which a folder lists its files is the file system's own affair.
    return hashlib.sha256("\0".join(sorted(told.split("\0"))).encode()).hexdigest()
