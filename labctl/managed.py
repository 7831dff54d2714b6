"""A file that a step manages on a host, as data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    """A place where a file deviates from the book, with its reason, in both languages."""

    en: str
    ja: str


@dataclass(frozen=True)
class ManagedFile:
    """The desired content, mode and owner of a file on a host.

    `deviations` are about its lines, in their order.
    """

    path: str
    content: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    deviations: tuple[Deviation, ...] = ()

    def fingerprint(self) -> str:
        """The file's fingerprint on a host: SHA-256, mode in octal, owner and group."""
        digest = hashlib.sha256(self.content.encode()).hexdigest()
        return f"{digest} {self.mode:o} {self.owner} {self.group}"
