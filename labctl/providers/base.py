"""What a provider must be able to do. Nothing outside of its package knows which one it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from labctl.endpoint import Endpoint
from labctl.errors import WrongState, WrongUsage
from labctl.hint import Hint, commands
from labctl.home import LabHome, remove_path
from labctl.i18n import _
from labctl.lab import Lab, PackageSet
from labctl.machine import Machine, ThisMachine
from labctl.progress import Progress, silent
from labctl.providers.checks import Check, ensure
from labctl.providers.options import ProviderOptions
from labctl.results import CheckpointInfo, HostState
from labctl.system import System


def unknown_checkpoint(name: str, names: Iterable[str]) -> WrongUsage:
    """What every provider, and reset, says of a checkpoint that is not there."""
    return WrongUsage(
        _("there is no checkpoint {name}", name=repr(name)),
        hint=_("checkpoints: {names}", names=", ".join(names)),
    )


def incomplete_checkpoint(name: str, snapshot: str, hosts: Iterable[str], hint: Hint) -> WrongState:
    """The error for a checkpoint whose snapshot somebody removed on some hosts."""
    return WrongState(
        _("checkpoint {name} is missing on {hosts}", name=name, hosts=", ".join(hosts)),
        cause=_("its snapshot {snapshot} was removed", snapshot=snapshot),
        hint=hint,
    )


def never_made(lab: str) -> WrongState:
    """The error for a lab of which nothing exists, with the command that makes it."""
    return WrongState(_("the lab {name} was never created", name=lab), hint=commands("labctl up"))


def not_running(host: str) -> WrongState:
    """The error for a host that must run for what was asked, with the command that starts it."""
    return WrongState(_("{host} does not run", host=host), hint=commands("labctl up"))


def no_checkpoint_to_copy(lab: str, checkpoint: str) -> WrongState:
    """The error for a lab that others are copied from, with the command that saves it."""
    return WrongState(
        _("the lab {name} has no checkpoint {checkpoint}", name=lab, checkpoint=checkpoint),
        hint=commands(["labctl", "up", "--name", lab, "--checkpoints", "every"]),
    )


class Provider(Protocol):
    """The life of one lab's hosts. Every method is idempotent and raises LabError.

    A checkpoint is of the whole lab: all hosts or none. `options` raises WrongUsage if the
    edition lacks something that the provider needs.
    """

    name: ClassVar[str]

    @property
    def options(self) -> ProviderOptions:
        """What the edition and the lab file say to this provider."""

    @property
    def system(self) -> System:
        """The operating system of the hosts, whether they exist yet or not."""

    def checks(self) -> tuple[Check, ...]:
        """All that this lab needs of a machine, in the order in which to mend it."""

    def create(self, progress: Progress = silent) -> bool:
        """Make the hosts with names, addresses and admin login, and save checkpoint `os`.

        Returns True if it made anything. The hosts need not run yet.
        """

    def preinstall(self, packages: PackageSet, progress: Progress = silent) -> bool:
        """Give the hosts a package set faster than their package manager would, if it can.

        May restart the hosts, so callers reconnect. Returns False if it can't or need not: the
        step then installs what is missing.
        """

    def start(self, progress: Progress = silent) -> bool:
        """Boot what is not running and wait until systemd and SSH answer on every host.

        Returns True if any host had to be started.
        """

    def endpoints(self, hosts: Collection[str] | None = None) -> Mapping[str, Endpoint]:
        """How to reach these hosts, by default all; raises WrongState if one does not run."""

    def login(self, host: str, user: str) -> tuple[str, ...]:
        """The command that logs `user` in on a host, on the terminal it is started on.

        It does not need the host's sshd or network if the provider has another way in. Raises
        WrongState if the host does not run.
        """

    def revision(self) -> str:
        """A text that changes soon after something on the hosts' disks or a service changes.

        Cheap enough to be called every second. It is "" if the provider cannot tell; never
        raises for a half-built lab.
        """

    def status(self) -> Mapping[str, HostState]:
        """The real state of each host; never raises for a half-built lab."""

    def halt(self, progress: Progress = silent) -> None:
        """Shut the hosts down and keep everything."""

    def cut_power(self, hosts: Collection[str]) -> None:
        """Kill the named hosts, as if their power was cut; `start` boots them again."""

    def destroy(self, progress: Progress = silent) -> None:
        """Remove all that this provider has of the lab, whatever the state file says.

        In the lab's state folder these are its traces. labctl.destroy removes the folder.
        """

    def save(self, checkpoint: str, origin: str = "up") -> None:
        """Save the state of all hosts, running or not, under a name; replaces an older one."""

    def restore(self, checkpoint: str, progress: Progress = silent, keep_as: str = "") -> None:
        """Put all hosts back to a checkpoint and start them.

        With `keep_as`, the state before is saved under that name first. Raises WrongUsage for
        a name that is not there, with the names that are.
        """

    def checkpoints(self, *, measured: bool = False) -> tuple[CheckpointInfo, ...]:
        """The saved states, oldest first; `measured` with their sizes, which takes a moment."""

    def drop(self, checkpoint: str) -> None:
        """Remove a saved state; what others share with it stays."""

    def set_net(self, is_open: bool) -> None:
        """Open or close the lab's way out for package installation."""

    def upstream_resolvers(self) -> tuple[str, ...]:
        """The name servers the hosts can ask for names outside the lab, as IP addresses."""

    def folders(self) -> Mapping[str, Path]:
        """The provider's folders, for `labctl status`: title to folder."""


def ensure_usable(provider: Provider) -> None:
    """Run a provider's quick checks on this machine, which takes under a second.

    Raises:
        MachineLacks: The first thing that the machine lacks, and what mends it.
    """
    ensure(provider.checks(), ThisMachine())


def remove_traces(traces: Iterable[str], home: LabHome) -> None:
    """Remove what a provider keeps in the lab's state folder, in the order of its traces.

    Raises:
        WrongState: Something stayed, as on Windows a file that a program has open.
    """
    for name in traces:
        remove_path(home.state / name)


@runtime_checkable
class Mover(Protocol):
    """A provider that has several machines and can move a lab between them."""

    def move(self, to: str, progress: Progress = silent) -> bool:
        """Move the lab to another machine, with its checkpoints. Hosts that run are restarted.

        If labctl is killed, the lab's next command finishes the move. Returns False if the lab is
        there already.

        Raises:
            MachineLacks: The machine does not exist or does not answer.
        """


@runtime_checkable
class Copier(Protocol):
    """A provider that makes a lab from the checkpoints of another one of its labs.

    It is optional: the steps do the same in a longer time.
    """

    def create_like(self, model: LabHome, checkpoint: str) -> bool:
        """Make the hosts as another lab was at a checkpoint, with that lab's other checkpoints.

        Keys and addresses of hosts are the lab's own. What steps wrote is the other lab's, with
        its passwords. Returns False if there are hosts already.

        Raises:
            WrongState: The other lab has no such checkpoint.
        """


@runtime_checkable
class Crowd(Protocol):
    """A provider that can add up what many labs need of one machine. It is optional."""

    def checks_of_many(self, labs: int, to_start: int, to_make: int) -> tuple[Check, ...]:
        """What this number of labs like this one needs of a machine.

        Args:
            labs: All labs that run at once.
            to_start: Those of them that do not run yet.
            to_make: Those of them that do not exist yet.
        """


@runtime_checkable
class DiskMeter(Protocol):
    """A provider that measures how large a lab is on disk, because nothing limits it."""

    def disk_check(self) -> Check:
        """The check that compares the lab's files with what the lab file allows."""


class ProviderClass(Protocol):
    """A provider before it is bound to a lab: what the registry holds.

    Binding it to a lab (calling it) is cheap, changes nothing and works on every system, so that
    `labctl doctor` can ask any provider for its checks.

    `Options` are its options in an edition and a lab file, see labctl.providers.options. `traces`
    are the names that it keeps in the lab's state folder from its first step on: `destroy` finds
    by them who made a lab whose state is gone. Without the first one, no command finds a lab.
    `server_option` is the option that names the server with the hosts, "" if the hosts are always
    on this machine.
    """

    name: ClassVar[str]
    Options: ClassVar[type[ProviderOptions]]
    traces: ClassVar[tuple[str, ...]]
    server_option: ClassVar[str]

    def __call__(self, lab: Lab, home: LabHome) -> Provider: ...

    def suits(self, machine: Machine) -> str | None:
        """Why this provider is the default on that machine; None if it is not.

        The reason is English and marked for translation.
        """
