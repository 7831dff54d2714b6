"""The files with names, codes or keys that labctl wrote outside of the class's folder."""

from __future__ import annotations

import json
from pathlib import Path

from labctl.classroom.roll import Roll
from labctl.home import write_atomically


def note_handed_out(roll: Roll, path: Path) -> None:
    """Remember a file or folder, so that the end of the class can name it."""
    known = _noted(roll)
    if (text := str(path.absolute())) not in known:
        write_atomically(_file(roll), json.dumps([*known, text]) + "\n", mode=0o600)


def still_there(roll: Roll) -> list[Path]:
    """What was noted and still exists, without devices and pipes."""
    paths = (Path(each) for each in _noted(roll))
    return [path for path in paths if path.is_file() or path.is_dir()]


def _file(roll: Roll) -> Path:
    return roll.folder / "handed-out.json"


def _noted(roll: Roll) -> list[str]:
    try:
        found = json.loads(_file(roll).read_bytes())
    except (OSError, ValueError):
        # The end of the class must not depend on it.
        return []
    return [str(each) for each in found] if isinstance(found, list) else []
