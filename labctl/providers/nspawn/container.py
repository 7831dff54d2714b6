"""One host as a systemd-nspawn container with systemd as its PID 1 (systemd-nspawn(1))."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tenacity import RetryError, retry, retry_if_result, stop_after_delay, wait_fixed

from labctl.errors import LabError, MachineLacks, WrongState
from labctl.i18n import _
from labctl.providers.nspawn import users
from labctl.providers.nspawn.cgroup import Cgroup
from labctl.providers.nspawn.mounts import is_mounted, unmount_below
from labctl.run import Completed, run, spawn

BOOT_SECONDS = 60
HALT_SECONDS = 15
SSHD_SECONDS = 10
# Where systemd-nspawn keeps a folder and a lock for each machine that runs.
_NSPAWN = Path("/run/systemd/nspawn")
# What systemd-nspawn would leave to root in a host, and no service of a mail server, no command
# of the chapters and no package needs (capabilities(7)).
_DROPPED = (
    "CAP_AUDIT_CONTROL,CAP_AUDIT_WRITE,CAP_IPC_OWNER,CAP_LEASE,CAP_LINUX_IMMUTABLE,CAP_MKNOD,"
    "CAP_NET_BROADCAST,CAP_SYS_NICE,CAP_SYS_RESOURCE,CAP_SYS_TTY_CONFIG"
)


@dataclass(frozen=True)
class Container:
    """`host` in the lab `lab_id`, with its root at `root`, on `bridge`, logging to `log`."""

    host: str
    address: str
    lab_id: str
    root: Path
    bridge: str
    log: Path

    @property
    def cgroup(self) -> Cgroup:
        return Cgroup(f"labctl-{self.lab_id}-{self.host}")

    @property
    def machine(self) -> str:
        """Short enough that the interface's name, vb- and this, is not cut at 15 letters."""
        return f"{self.lab_id[:4]}-{self.host}"[:22]

    @property
    def running(self) -> bool:
        return self.cgroup.populated()

    @property
    def mounted(self) -> bool:
        return is_mounted(self.root)

    def start(self) -> None:
        """Starts the container; its root must be mounted. Does not wait for it."""
        argv = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot",
            f"--machine={self.machine}",
            f"--hostname={self.host}", f"--directory={self.root}",
            f"--network-bridge={self.bridge}", "--console=pipe", "--link-journal=no",
            "--resolv-conf=off", "--timezone=off",
            *users.OPTIONS, f"--drop-capability={_DROPPED}",
        ]  # fmt: skip
        self.log.unlink(missing_ok=True)
        spawn(self.cgroup.entering(argv), log=self.log)

    def wait_ready(self) -> None:
        """Waits until systemd has finished booting and sshd answers.

        Raises LabError with the console's last lines where the host does not come up.
        """
        try:
            self._wait_for_bus()
            self._in_host("systemctl", "is-system-running", "--wait")
            self._wait_for_sshd()
        except (RetryError, LabError) as error:
            raise LabError(
                _("{host} did not come up", host=self.host),
                cause=self._console(),
                hint=_("labctl destroy, then labctl up; the whole log: {log}", log=self.log),
            ) from error

    def ensure_answers(self) -> None:
        """Sees to it that a running host's sshd answers: it may be booting still, or stopped.

        Raises WrongState, with what systemd says, where it cannot be started.
        """
        if self._sshd_greets():
            return
        said = ""
        try:
            self._wait_for_bus()
            self._in_host("systemctl", "is-system-running", "--wait")
            said = self._in_host("systemctl", "start", "ssh.service").stderr
            self._until(self._sshd_greets, SSHD_SECONDS)
        except (RetryError, LabError) as error:
            raise WrongState(
                _("sshd of {host} does not answer", host=self.host),
                cause=said.strip(),
                hint=_("labctl reset; what is there now is kept, for labctl reset --undo"),
            ) from error

    def _wait_for_bus(self) -> None:
        # In two, for to look through all processes takes from the boot what it waits for.
        self._until(lambda: self.cgroup.init_pid() is not None, BOOT_SECONDS)
        bus = Path(f"/proc/{self.cgroup.init_pid()}/root/run/dbus/system_bus_socket")
        self._until(bus.exists, BOOT_SECONDS)

    def _in_host(self, *argv: str) -> Completed:
        # A degraded host (one failed unit) is up: the checks will say what failed.
        namespaces = ["nsenter", "--target", str(self.cgroup.init_pid()), "--all", "--"]
        return run([*namespaces, *argv], check=False, timeout=BOOT_SECONDS)

    def _wait_for_sshd(self) -> None:
        self._until(self._sshd_greets, BOOT_SECONDS)

    def _sshd_greets(self) -> bool:
        with suppress(OSError), socket.create_connection((self.address, 22), timeout=2) as probe:
            return probe.recv(4) == b"SSH-"
        return False

    @staticmethod
    def _until(condition: Callable[[], bool], seconds: float) -> None:
        poll = retry(
            retry=retry_if_result(lambda met: not met),
            stop=stop_after_delay(seconds),
            wait=wait_fixed(0.03),
        )
        poll(condition)()

    def _console(self, keep: int = 6) -> str:
        with suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return "\n".join(lines[-keep:])
        return ""

    def hold_still(self) -> None:
        """Freezes the host; LabError where it cannot be: no copy of it would be of one moment."""
        if self.cgroup.freeze():
            return
        if self.running:
            raise LabError(
                _("{host} could not be held still for a checkpoint", host=self.host),
                hint=_("the same command again, when the machine is less busy"),
            )
        raise WrongState(
            _("{host} does not run", host=self.host), hint=_("labctl status, then labctl up")
        )

    def halt(self) -> None:
        """Shuts the host down as its own poweroff would; after 15 s, ends it by force."""
        self.cgroup.thaw()
        init = self.cgroup.init_pid()
        if init is not None:
            with suppress(ProcessLookupError):
                # systemd(1): SIGRTMIN+4 starts poweroff.target.
                os.kill(init, signal.SIGRTMIN + 4)
            self.cgroup.wait_empty(HALT_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends the host like a pulled plug, and takes its root off; idempotent."""
        self.cgroup.kill()
        self._forget()
        unmount_below(self.root)

    def _forget(self) -> None:
        """Removes what systemd-nspawn itself removes when it is not killed."""
        # The kernel takes a dead host's network down in its own time; until then no new one
        # can have an interface of that name. Where ip is not installed none was made.
        with suppress(MachineLacks):
            run(["ip", "link", "delete", f"vb-{self.machine}"], check=False)
        with suppress(OSError):
            (_NSPAWN / "propagate" / self.machine).rmdir()
        with suppress(OSError):
            root = self.root.stat()
            (_NSPAWN / "locks" / f"inode-{root.st_dev}:{root.st_ino}").unlink()
