"""An error that labctl did not expect: the details go to a file, a person reads what to do."""

from __future__ import annotations

import platform
import traceback
from contextlib import suppress
from pathlib import Path

from labctl import __version__
from labctl.errors import ExitCode, LabError
from labctl.home import state_folder, write_atomically
from labctl.i18n import _


class Defect(LabError):
    """A mistake in labctl itself."""

    exit_code = ExitCode.DEFECT


def as_defect(error: Exception) -> Defect:
    """What to tell of an unexpected error; the trace is kept in a file for its report."""
    file = _kept("".join(traceback.format_exception(error)))
    return Defect(
        _("labctl stopped because of a defect of its own"),
        hint=_("please report it with the details in {file}", file=file)
        if file is not None
        else _("please report it"),
    )


def _kept(trace: str) -> Path | None:
    file = state_folder() / "defect.txt"
    system = f"labctl {__version__}, Python {platform.python_version()}, {platform.platform()}"
    with suppress(OSError):
        # The trace has no values, but names the folders of the person.
        write_atomically(file, f"{system}\n\n{trace}", mode=0o600)
        return file
    return None
