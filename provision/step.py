"""What a step is: one section of the book as data and two functions.

`apply` is idempotent and says what it changed. `check` only reads, and asks the running
system, not the text of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.credentials import Credentials
from labctl.lab import Host, Lab, PackageSet
from labctl.managed import ManagedFile
from labctl.results import Change, Finding

if TYPE_CHECKING:
    # SSH costs a fifth of a second to import, and most commands need none.
    from labctl.remote import Remote


@dataclass(frozen=True)
class Scene:
    """All that decides what a host's files say; known before any host runs."""

    lab: Lab
    host: Host
    upstream: tuple[str, ...]

    @property
    def peer(self) -> Host:
        return self.lab.peer(self.host)


@dataclass(frozen=True)
class Target:
    """A host that runs, and all a step may know about it.

    `letter` marks the message by which a check tries the delivery; with none, it sends none.
    """

    scene: Scene
    remote: Remote
    credentials: Credentials
    letter: str = ""

    @property
    def lab(self) -> Lab:
        return self.scene.lab

    @property
    def host(self) -> Host:
        return self.scene.host

    @property
    def peer(self) -> Host:
        return self.scene.peer

    def install(self, files: Sequence[ManagedFile]) -> list[Change]:
        """Makes the files as given and says which it wrote."""
        return [Change(f"wrote {path}") for path in self.remote.install(files)]


def _no_files(_scene: Scene) -> tuple[ManagedFile, ...]:
    return ()


@dataclass(frozen=True)
class Step:
    """One section of chapter 6, or of chapter 5, which chapter 6 needs.

    `section` is the book's title of it, `summary` says in one line what is
    done, in English, marked for translation.
    `files` are the whole files the step writes. `requires` names the steps without which its
    check says nothing. A step with a `checkpoint` is saved under that name once all hosts
    have it; `packages` is the package set it installs. Nobody who did the chapter by hand is
    graded on an `extra` step unless asked. An optional step has `wanted`, which says where.
    A check that `opens_mailbox` leaves its traces there: the mailbox is kept and put back.
    """

    name: str
    section: str
    summary: str
    apply: Callable[[Target], Sequence[Change]]
    check: Callable[[Target], Sequence[Finding]]
    files: Callable[[Scene], Sequence[ManagedFile]] = _no_files
    requires: tuple[str, ...] = ()
    packages: PackageSet | None = None
    checkpoint: str | None = None
    on_parent: bool = False
    extra: bool = False
    opens_mailbox: bool = False
    wanted: Callable[[Scene], bool] | None = None

    def applies_to(self, scene: Scene) -> bool:
        """The parent host has no mail: only steps marked for it run there."""
        has_place = scene.host.account is not None or self.on_parent
        return has_place and (self.wanted is None or self.wanted(scene))
