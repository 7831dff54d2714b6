"""Errors as data: a message, its cause, a hint and an exit code.

Only the CLI prints a LabError.
"""

from __future__ import annotations

import errno
import re
from enum import IntEnum

from labctl.hint import Hint


class ExitCode(IntEnum):
    """The exit codes of every labctl command (docs/reference/exit-codes.md)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    MACHINE = 3
    STATE = 4
    # As EX_SOFTWARE of sysexits.h(3head).
    DEFECT = 70
    INTERRUPTED = 130


class LabError(Exception):
    """A failure that the user can act on.

    `message` says what failed, `cause` says why (the output of a command, a value), `hint` says
    what to run or change next.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, *, cause: str = "", hint: Hint | str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = Hint(hint) if isinstance(hint, str) else hint

    def __str__(self) -> str:
        return ": ".join(part for part in (self.message, self.cause) if part)


class WrongUsage(LabError):
    """The command line or a lab file is wrong."""

    exit_code = ExitCode.USAGE


class MachineLacks(LabError):
    """This machine lacks something that the lab needs. The hint is the command that fixes it."""

    exit_code = ExitCode.MACHINE


class WrongState(LabError):
    """The lab is not in the required state."""

    exit_code = ExitCode.STATE


class CommandFailed(LabError):
    """A command failed, on this machine or on a host. `command` is a line that a user can run."""

    def __init__(
        self, command: str, returncode: int, output: str, *, where: str = "", hint: Hint | str = ""
    ) -> None:
        place = f"{where}: " if where else ""
        super().__init__(f"{place}{command}", cause=_last_lines(output, returncode), hint=hint)
        self.command = command
        self.returncode = returncode
        self.output = output


# What Python puts around the texts of OpenSSL and of the system.
_OPENSSL = re.compile(r"\[SSL[^\]]*\] | \(_ssl\.c:\d+\)$")
_NUMBER = re.compile(r":?\s*\[Errno -?\d+\] ")


def system_words(error: OSError) -> str:
    """The file and what the system says of it, without Python's error number; "" for nothing."""
    return ": ".join(str(part) for part in (error.filename, error.strerror) if part)


def words_of(error: Exception) -> str:
    """What the system or a library says of a failure, without Python's numbers and names.

    It is "" if nothing is said that a person could use.
    """
    own = system_words(error) if isinstance(error, OSError) and error.strerror else ""
    # What Python itself says of a time that is over.
    text = own or ("" if isinstance(error, TimeoutError) else str(error))
    # Libraries put the text of an OSError into their own.
    return _NUMBER.sub(": ", _OPENSSL.sub("", text)).removeprefix(": ")


def nobody_listens() -> ConnectionRefusedError:
    """The error of a connection that another machine made for labctl and that was refused."""
    return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


def _last_lines(output: str, returncode: int, keep: int = 8) -> str:
    lines = [line for line in output.strip().splitlines() if line.strip()]
    return "\n".join([f"exit {returncode}", *lines[-keep:]])
