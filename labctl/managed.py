"""A file as a step wants it on a host: data that says what, and never how it gets there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class ManagedFile:
    """A file as it shall be on a host."""

    path: str
    content: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"

    def fingerprint(self) -> str:
        """What a host answers of this file: SHA-256, mode in octal, owner and group."""
        digest = hashlib.sha256(self.content.encode()).hexdigest()
        return f"{digest} {self.mode:o} {self.owner} {self.group}"
