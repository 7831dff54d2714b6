"""Where Thunderbird is on this machine. macOS and Windows do not put it on PATH."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from labctl.errors import MachineLacks
from labctl.hint import commands
from labctl.i18n import _


def find_thunderbird() -> str:
    """The path of the program.

    Raises:
        MachineLacks: it is not installed. The hint says how to do without it.
    """
    found = shutil.which("thunderbird")
    if found is None:
        found = next((str(path) for path in _places() if path.is_file()), None)
    if found is None:
        raise MachineLacks(
            _("the program {name} is not installed", name="Thunderbird"),
            hint=commands(
                "labctl thunderbird --print",
                text=_("this shows what to enter in any mail program"),
            ),
        )
    return found


def windows_folders() -> list[Path]:
    """The folders in which Windows may have the program."""
    programs = [os.environ.get(name, "") for name in ("PROGRAMFILES", "PROGRAMFILES(X86)")]
    return [Path(folder, "Mozilla Thunderbird") for folder in programs if folder]


def _places() -> list[Path]:
    return [
        Path("/Applications/Thunderbird.app/Contents/MacOS/thunderbird"),
        *(folder / "thunderbird.exe" for folder in windows_folders()),
    ]
