"""One host as a systemd-nspawn container with systemd as its PID 1 (systemd-nspawn(1))."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labctl import dial
from labctl.errors import CommandFailed, LabError, WrongState, words_of
from labctl.hint import commands
from labctl.i18n import _
from labctl.providers.base import not_running
from labctl.providers.nspawn.lab_limits import LabGroup
from labctl.providers.nspawn.network import BRIDGE, LabNetwork
from labctl.providers.rootfs import users
from labctl.providers.rootfs.cgroup import Cgroup
from labctl.providers.rootfs.mounts import is_mounted, unmount_below
from labctl.run import Completed, run, spawn
from labctl.scripts import Script
from labctl.waiting import wait_until

BOOT_SECONDS = 60
HALT_SECONDS = 15
SSHD_SECONDS = 10
# Where systemd-nspawn keeps a folder and a lock for each machine that runs.
_NSPAWN = Path("/run/systemd/nspawn")
# Capabilities that systemd-nspawn grants by default, but that no mail service, no command of the
# chapters and no package needs (capabilities(7)).
_DROPPED = (
    "CAP_AUDIT_CONTROL,CAP_AUDIT_WRITE,CAP_IPC_OWNER,CAP_LEASE,CAP_LINUX_IMMUTABLE,CAP_MKNOD,"
    "CAP_NET_BROADCAST,CAP_SYS_NICE,CAP_SYS_RESOURCE,CAP_SYS_TTY_CONFIG"
)

# Bytes that a host may say of itself.
_MOST_SAID = 1024 * 1024
# Of the console or of a host that does not come up.
_LINES = 6
_JOURNAL = ("journalctl", "--boot", "--no-pager", "--lines=400")

_AGAIN = Script("labctl.providers.nspawn", "again.sh")
_BARE = Script("labctl.providers.nspawn", "bare.sh")
_NOT_READY = Script("labctl.providers.nspawn", "not-ready.sh")


@dataclass(frozen=True)
class Container:
    """One host: the `number`th of its lab, with its root at `root`, logging to `log`."""

    host: str
    number: int
    address: str
    network: LabNetwork
    root: Path
    log: Path

    @property
    def cgroup(self) -> Cgroup:
        return LabGroup(self.network.lab_id).host(self.host)

    @property
    def machine(self) -> str:
        """Unique on this machine. At most 12 letters: `vb-` and this name an interface."""
        return f"{self.network.lab_id}-{self.number}"

    @property
    def shuts_down(self) -> bool:
        """Whether the host's systemd has become systemd-shutdown(8), which ends all programs.

        A new one would keep the host from stopping.
        """
        init = self.cgroup.init_pid()
        try:
            name = Path(f"/proc/{init}/comm").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        # The kernel keeps 15 bytes of a name.
        return name.startswith("systemd-shutdow")

    @property
    def running(self) -> bool:
        return self.cgroup.populated()

    @property
    def mounted(self) -> bool:
        return is_mounted(self.root)

    def start(self) -> None:
        """Start the container without waiting for it. Its root must be mounted."""
        argv = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot",
            f"--machine={self.machine}",
            f"--hostname={self.host}", f"--directory={self.root}",
            f"--network-bridge={BRIDGE}", "--console=pipe", "--link-journal=no",
            "--resolv-conf=off", "--timezone=off",
            *users.OPTIONS, f"--drop-capability={_DROPPED}",
        ]  # fmt: skip
        self.log.unlink(missing_ok=True)
        start = self.cgroup.entering(dial.inside(self.network.netns, argv))
        spawn(
            self.cgroup.below("keeper").entering(["sh", "-c", _AGAIN.text, "sh", *start]),
            log=self.log,
        )

    def wait_ready(self) -> None:
        """Wait until systemd has finished booting and sshd answers.

        Raises:
            LabError: The host does not come up; its cause is the end of the console, or what
                the host says about its units.
        """
        try:
            self._wait_for_services()
            _until(self._sshd_greets, BOOT_SECONDS, "sshd")
        except (TimeoutError, LabError) as error:
            missed = str(error) if isinstance(error, TimeoutError) else ""
            raise LabError(
                _("{host} did not boot", host=self.host),
                cause=self._console() or self._why_not_ready(missed),
                hint=commands(
                    # Nothing is lost by it, and what went wrong once need not do so again.
                    "labctl down",
                    "labctl up",
                    text=_("the whole log is {log}", log=self.log),
                ),
            ) from error

    def ensure_answers(self) -> None:
        """Make sure that sshd of a running host answers: it may still be booting, or stopped.

        Raises:
            WrongState: sshd cannot be started; its cause is what systemd says.
        """
        if self._sshd_greets():
            return
        said = ""
        try:
            self._wait_for_services()
            said = self._in_host("systemctl", "start", "ssh.service").stderr
            _until(self._sshd_greets, SSHD_SECONDS, "sshd")
        except (TimeoutError, LabError) as error:
            raise WrongState(
                _("sshd of {host} does not answer", host=self.host),
                cause=said.strip(),
                # What is there now is kept: `labctl reset --undo` brings it back.
                hint=commands("labctl reset"),
            ) from error

    def login(self, user: str) -> tuple[str, ...]:
        """The command that logs a user in through the host's own namespaces.

        It needs neither sshd nor the network, and what it starts counts against the lab's limits.

        Raises:
            WrongState: The host does not run.
        """
        init = self.cgroup.init_pid()
        if init is None or self.shuts_down:
            raise not_running(self.host)
        # su(1) makes a terminal in the host: labctl's own does not exist there.
        su = ("su", "--pty", "--login", "--whitelist-environment=LANG", user)
        return tuple(self._entering("login", init, su))

    def _entering(self, group: str, init: int, argv: Sequence[str]) -> list[str]:
        """The command line that runs a host's program in the host, and within the lab's limits.

        It may be any program: the people who work on the host are root there.
        """
        enter = ["nsenter", "--target", str(init), "--all", "--", *argv]
        return self.cgroup.below(group).entering(["sh", "-euc", _BARE.text, "sh", *enter])

    def _wait_for_bus(self) -> None:
        # In two parts: to find the first process means to read /proc, which slows the boot.
        init = wait_until(BOOT_SECONDS, self.cgroup.init_pid, every=0.03)
        if init is None:
            raise TimeoutError("PID 1")
        bus = Path(f"/proc/{init}/root/run/dbus/system_bus_socket")
        _until(bus.exists, BOOT_SECONDS, str(bus))

    def _wait_for_services(self) -> None:
        """Wait for the end of the boot. A unit that hangs for longer is left to the checks."""
        self._wait_for_bus()
        with suppress(CommandFailed):
            self._in_host("systemctl", "is-system-running", "--wait")

    def _in_host(self, *argv: str) -> Completed:
        init = self.cgroup.init_pid()
        if init is None:
            raise not_running(self.host)
        # A degraded host (one failed unit) counts as booted. The checks report what failed.
        line = self._entering("ask", init, argv)
        return run(line, check=False, timeout=BOOT_SECONDS, most=_MOST_SAID)

    def _why_not_ready(self, missed: str) -> str:
        """What the host itself says, whose journal goes to the log; else what its processes do.

        `missed` is what did not come in time, for a host that says that all is well.
        """
        if self.cgroup.init_pid() is None:
            return "\n".join(self.cgroup.doing()) or _("no process of the host is left")
        with suppress(LabError):
            said = self._in_host("sh", "-euc", _NOT_READY.text).stdout.strip()
            with self.log.open("a", encoding="utf-8") as log:
                log.write(self._in_host(*_JOURNAL).stdout)
            return "\n".join(filter(None, [said, missed, self._from_here()]))
        return "\n".join(self.cgroup.doing()[:_LINES])

    def _from_here(self) -> str:
        """What this machine sees of the host's port 22, and of the host on the lab's network."""
        way = ["ip", "-n", self.network.namespace, "neigh", "show", "to", self.address]
        try:
            with dial.connect(self.network.netns, self.address, 22, timeout=2) as probe:
                seen = probe.recv(4).decode(errors="replace")
        except OSError as error:
            seen = words_of(error)
        neighbour = run(way, check=False).stdout.strip()
        return "\n".join(filter(None, [f"{self.address}:22: {seen or '-'}", neighbour]))

    def _sshd_greets(self) -> bool:
        with (
            suppress(OSError),
            dial.connect(self.network.netns, self.address, 22, timeout=2) as probe,
        ):
            return probe.recv(4) == b"SSH-"
        return False

    def _console(self) -> str:
        with suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return "\n".join(lines[-_LINES:])
        return ""

    def hold_still(self) -> None:
        """Freeze the host, so that a copy of its files is of one moment.

        Raises:
            WrongState: The host does not run.
            LabError: A process does not stop.
        """
        if self.cgroup.freeze():
            return
        if self.running:
            raise LabError(
                _("{host} could not be frozen for a checkpoint", host=self.host),
                hint=_("run the same command again when the machine is less busy"),
            )
        raise not_running(self.host)

    def halt(self) -> None:
        """Shut the host down as its own poweroff does, and kill it after 15 s."""
        self.cgroup.thaw()
        init = self.cgroup.init_pid()
        if init is not None:
            # systemd-shutdown waits ten seconds for what it did not start and what ends late.
            self.cgroup.below("login").kill_inside()
            with suppress(ProcessLookupError):
                # systemd(1): SIGRTMIN+4 starts poweroff.target.
                os.kill(init, signal.SIGRTMIN + 4)
            self.cgroup.wait_empty(HALT_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kill the host and unmount its root; idempotent."""
        self.cgroup.kill()
        self._forget()
        unmount_below(self.root)

    def _forget(self) -> None:
        """Remove what systemd-nspawn itself removes if it is not killed."""
        self.network.drop_host_link(self.machine)
        with suppress(OSError):
            (_NSPAWN / "propagate" / self.machine).rmdir()
        # A mount since systemd 256, which refuses to start a machine whose folder exists.
        export = _NSPAWN / "unix-export" / self.machine
        unmount_below(export)
        with suppress(OSError):
            export.rmdir()
        with suppress(OSError):
            root = self.root.stat()
            (_NSPAWN / "locks" / f"inode-{root.st_dev}:{root.st_ino}").unlink()


def _until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll quickly; raises TimeoutError with what did not come."""
    if not wait_until(seconds, condition, every=0.03):
        raise TimeoutError(what)
