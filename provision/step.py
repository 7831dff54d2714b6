"""A step: one section of the book as data and two functions.

`apply` is idempotent and returns what it changed. `check` only reads. It asks the running
system and not the text of a file.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from labctl.credentials import Credentials
from labctl.lab import Host, Lab, Packages, PackageSet
from labctl.managed import ManagedFile
from labctl.results import Change, ChangeKind, Finding
from labctl.system import DEBIAN_12, System, parse_os_release
from provision.patience import Deadline
from provision.turns import Turns

if TYPE_CHECKING:
    # Importing SSH takes a fifth of a second, and most commands need none.
    from labctl.remote import Remote
    from provision.dialogue import Answer
    from provision.families.base import Family


# The checkpoint of a lab that has all steps.
WHOLE = "ready"
# Seconds that an answer gets even at the deadline.
_LEAST = 0.1


@dataclass(frozen=True)
class Scene:
    """Everything that decides the contents of a host's files.

    `upstream` are the resolvers for names outside the lab. `system` is what the host runs. A
    scene without a host has the system that its lab names.
    """

    lab: Lab
    host: Host
    upstream: tuple[str, ...]
    system: System = DEBIAN_12

    @property
    def peer(self) -> Host:
        return self.lab.peer(self.host)

    @property
    def family(self) -> Family:
        """The paths, units and tools of the host's system.

        Raises:
            WrongState: labctl does not know the system.
        """
        from provision.families import family_for

        return family_for(self.system, self.lab.edition)


@dataclass(frozen=True)
class Target:
    """A running host and everything that a step may know about it.

    `letter` marks the messages by which a check tries the delivery. If it is "", the check sends
    none. `ends` is the deadline of the check, if it has one. If a mailbox `is_locked`, a lock file
    from before the check keeps everybody out: a session or a delivery would wait for minutes.
    `first_answer` waits for the answer to what a step asks first, if it is asked already. Each
    check has `turns` of its own.
    """

    scene: Scene
    remote: Remote
    credentials: Credentials
    letter: str = ""
    ends: Deadline | None = None
    is_locked: bool = False
    first_answer: Callable[[], Answer] | None = None
    turns: Turns = field(default_factory=Turns)

    def left(self, seconds: float) -> float:
        """The seconds to wait for an answer: no more than the deadline leaves."""
        return max(_LEAST, min(seconds, math.inf if self.ends is None else self.ends.left()))

    def at_least(self, seconds: float) -> Callable[[], float]:
        """Return a function that tells what is left of the check, at least these seconds."""
        ends = time.monotonic() + seconds
        return lambda: max(0.0, ends - time.monotonic(), self.ends.left() if self.ends else 0.0)

    @property
    def lab(self) -> Lab:
        return self.scene.lab

    @property
    def host(self) -> Host:
        return self.scene.host

    @property
    def peer(self) -> Host:
        return self.scene.peer

    @property
    def family(self) -> Family:
        return self.scene.family

    def install(self, files: Sequence[ManagedFile]) -> list[Change]:
        """Write those of the files that differ on the host."""
        written = self.remote.install(files)
        if written and self.family.restorecon:
            self.remote.run(["restorecon", "-F", *written])
        return [Change(ChangeKind.WROTE, path) for path in written]


def target_on(scene: Scene, remote: Remote, credentials: Credentials) -> Target:
    """A target whose scene has the system that the host itself names in /etc/os-release.

    Raises:
        WrongState: the host does not answer.
    """
    found = parse_os_release(remote.run(["cat", "/etc/os-release"], check=False).stdout)
    return Target(replace(scene, system=found or scene.system), remote, credentials)


def packages_of(target: Target) -> Packages:
    """What the chapters install on the host's system.

    Raises:
        WrongUsage: The edition names no packages for it.
    """
    return target.lab.edition.packages_for(target.scene.system.family)


def _no_files(_scene: Scene) -> tuple[ManagedFile, ...]:
    return ()


@dataclass(frozen=True)
class Step:
    """One section of chapter 6, or of chapter 5, which chapter 6 needs.

    `section` is its title in the book. `summary` says in one line what it does, in English,
    marked for translation. `files` are the files that it writes as a whole. `requires` names
    the steps without which its check means nothing. After a step with a `checkpoint`, the lab is
    saved under that name. `packages` is the package set that it installs. An `extra` step is not
    in the book and is graded only on request. `wanted` says on which hosts an optional step
    applies. If a check `opens_mailbox`, the mailbox is kept before it and put back after it. The
    proof of a step that is `tried` is what both hosts do (provision.behaviour). A `personal` step
    writes the lab's own passwords, so it is applied again on a copy of a lab. `asks_first` is what
    the check asks before all others, because the answer takes longest. It calls its second argument
    when the question is on its way.
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
    tried: bool = False
    personal: bool = False
    wanted: Callable[[Scene], bool] | None = None
    asks_first: Callable[[Target, Callable[[], None]], Answer] | None = None

    def applies_to(self, scene: Scene) -> bool:
        """Whether the step is for this host. The parent has no mail, so few steps are for it."""
        has_place = scene.host.account is not None or self.on_parent
        return has_place and (self.wanted is None or self.wanted(scene))
