"""One kind of failure of Vagrant, and the errors that labctl itself acts on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labctl.errors import LabError, MachineLacks, WrongState
from labctl.hint import commands
from labctl.i18n import _

# Lines of hints.
ANEW = ("labctl destroy", "labctl up")
DOCTOR = ("labctl doctor",)


class PortTaken(WrongState):
    """The forwarded port of a machine is in use on this machine."""


class NoBoot(MachineLacks):
    """A machine runs, but did not answer over SSH in time."""


class Locked(WrongState):
    """Another Vagrant process or VirtualBox has locked a machine."""


@dataclass(frozen=True)
class Meaning:
    """One kind of failure.

    An error matches if its class is in `classes` or its text matches the regular expression `text`.
    `advice` is the text of the hint, `lines` are the commands of the hint.
    """

    message: str
    error: type[LabError]
    classes: frozenset[str] = frozenset()
    text: str = ""
    advice: str = ""
    lines: tuple[str, ...] = ()

    def matches(self, kind: str, reason: str) -> bool:
        return kind in self.classes or bool(self.text and re.search(self.text, reason))

    def error_for(self, reason: str) -> LabError:
        hint = commands(*self.lines, text=_(self.advice) if self.advice else "")
        return self.error(_(self.message), cause=reason, hint=hint)


def classes_of(names: str) -> frozenset[str]:
    """The names of Vagrant's error classes, from words of one text."""
    return frozenset(names.split())
