"""Tests of output streams: whether one is a terminal, and whether its reader has gone away."""

from __future__ import annotations

import errno
import sys
from typing import TextIO


def is_terminal(stream: TextIO) -> bool:
    """Whether the stream is a terminal. Windows' NUL says it is one, and is not."""
    if not stream.isatty():
        return False
    if sys.platform != "win32":
        return True
    import ctypes
    import msvcrt

    handle = msvcrt.get_osfhandle(stream.fileno())
    mode = ctypes.c_ulong()
    return bool(ctypes.windll.kernel32.GetConsoleMode(handle, ctypes.byref(mode)))


def is_closed_pipe(error: OSError) -> bool:
    """Whether a write failed because nobody reads the output any more.

    Windows reports EINVAL for it. EINVAL for a file has the name of the file.
    """
    if isinstance(error, BrokenPipeError):
        return True
    return sys.platform == "win32" and error.errno == errno.EINVAL and error.filename is None
