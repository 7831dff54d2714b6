"""A wrapper for python-vagrant that adds logging, reasons and time limits.

Every call names its machine and the hypervisor, goes through labctl.run and adds its output to a
log. A call that fails raises Vagrant's own reason, read from its machine-readable output, instead
of a bare exit status. One call costs 1 to 3 seconds, so callers make few, in parallel.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from labctl.errors import LabError, MachineLacks, WrongState
from labctl.hint import commands
from labctl.i18n import _
from labctl.providers.vagrant.failures import failure
from labctl.providers.vagrant.meaning import NoBoot
from labctl.providers.vagrant.output import Row, readable, rows
from labctl.run import Completed, Guard, run
from labctl.scripts import Script

_AS_ROOT = Script("labctl.providers.vagrant", "as-root.sh")
# What vagrant-libvirt says when it has started a machine.
_STARTED = "Waiting for domain to get an IP address"
# How often Vagrant may say that a machine refuses its key before that is final: one that runs again
# from its memory, and one that boots. While a slow machine boots, pam_nologin(8) lets nobody in.
_REFUSALS = 3
_REFUSALS_OF_A_BOOT = 12
_REFUSED = re.compile(
    r"^\d+,(?P<target>[^,]*),ui,.*Authentication failure\. Retrying\.\.\.", re.MULTILINE
)

# Without a handler python-vagrant would print its own warning where Vagrant is not installed.
logging.getLogger("vagrant").addHandler(logging.NullHandler())
import vagrant  # noqa: E402


@dataclass(frozen=True)
class SshAddress:
    """The SSH address of a machine as Vagrant reports it, and its private key."""

    address: str
    port: int
    key: Path


class Vagrant(vagrant.Vagrant):  # type: ignore[misc]
    """Vagrant in one folder with one hypervisor.

    Methods raise LabError: MachineLacks if this machine lacks something, WrongState if the
    machines are not as they should be, CommandFailed for the rest.
    """

    def __init__(self, folder: Path, hypervisor: str, logs: Path) -> None:
        super().__init__(root=str(folder))
        self._folder = folder
        self._logs = logs
        self._hypervisor = hypervisor

    # -- machines ---------------------------------------------------------------------------

    def boot(self, machine: str | None = None, limit: float = math.inf) -> None:
        """Create missing machines and boot stopped ones. Never provisions.

        Ends early with WrongState if a machine keeps refusing Vagrant's key, and with NoBoot if it
        takes longer than `limit` seconds from the start of a machine.
        """
        words = ["up", *([machine] if machine else []), "--no-provision"]
        watch = _until(limit)
        self._execute([*words, f"--provider={self._hypervisor}"], watch=watch)

    def states(self) -> dict[str, str]:
        """Vagrant's state of each machine: `running`, `poweroff`, `not_created`, ..."""
        return {each.name: each.state for each in self.status() if each.name}

    def state(self, machine: str) -> str:
        """Vagrant's state of one machine, even if another machine is in use."""
        return next((each.state for each in self.status(machine)), "not_created")

    def ssh_addresses(self) -> dict[str, SshAddress]:
        """The SSH address of each running machine, with one call."""
        output = self._run_vagrant_command(["ssh-config", "--machine-readable"])
        parsed = [
            (row.target, self._parse_config(row.data[0]))
            for row in rows(output)
            if row.kind == "ssh-config"
        ]
        return {
            machine: SshAddress(found["HostName"], int(found["Port"]), Path(found["IdentityFile"]))
            for machine, found in parsed
        }

    def shell(self, machine: str, script: str, *args: str) -> str:
        """Run a shell script as root through Vagrant's SSH. Returns its output."""
        command = " ".join([_AS_ROOT.line, *args])
        # The user's ~/.ssh/config, with a proxy for every host for example, is not for machines.
        words = ["ssh", machine, "--no-tty", "--command", command, "--", "-F", "none"]
        return self._execute(words, stdin=script, readable=False).stdout

    # -- snapshots, of one machine at a time ------------------------------------------------

    def save_snapshot(self, machine: str, name: str) -> None:
        self._execute(["snapshot", "save", machine, name])

    def restore_snapshot(self, machine: str, name: str) -> None:
        """Put a machine back and start it, without provisioning.

        Ends early with WrongState if the machine keeps refusing Vagrant's key.
        """
        self._execute(["snapshot", "restore", "--no-provision", machine, name], watch=_resumed)

    def delete_snapshot(self, machine: str, name: str) -> None:
        self._execute(["snapshot", "delete", machine, name])

    def snapshots(self, machine: str) -> set[str]:
        output = self._execute(["snapshot", "list", machine]).stdout
        # Names are details below a heading; "none yet" is a heading with details of its own.
        return {
            row.data[1].strip()
            for row in rows(output)
            if row.kind == "ui" and row.data[0] == "detail"
        }

    # -- how python-vagrant starts Vagrant --------------------------------------------------

    def _call_vagrant_command(self, args: Sequence[str | None]) -> None:
        self._execute(args)

    def _run_vagrant_command(self, args: Sequence[str | None]) -> str:
        return self._execute(args).stdout

    def _execute(
        self,
        args: Sequence[str | None],
        *,
        stdin: str | None = None,
        readable: bool = True,
        watch: Guard | None = None,
    ) -> Completed:
        words = [word for word in args if word is not None and word != "--machine-readable"]
        argv = [_executable(), *words, *(["--machine-readable"] if readable else [])]
        log = self._logs / f".vagrant-{uuid4().hex}.log" if watch is not None else None
        try:
            done = run(
                argv,
                check=False,
                stdin=stdin,
                cwd=self._folder,
                env=self._environment(),
                log=log,
                watch=watch,
            )
        finally:
            if log is not None:
                log.unlink(missing_ok=True)
        self._keep(words, done)
        if not done.ok:
            raise failure(words, done, [row.data for row in _errors(done.stdout)], self._log)
        return done

    @property
    def _log(self) -> Path:
        return self._logs / "vagrant.log"

    def _environment(self) -> dict[str, str]:
        return {
            "VAGRANT_CWD": str(self._folder),
            "VAGRANT_DOTFILE_PATH": str(self._folder / ".vagrant"),
            "VAGRANT_VAGRANTFILE": "Vagrantfile",
            "VAGRANT_DEFAULT_PROVIDER": self._hypervisor,
            # Do not ask HashiCorp's servers for newer versions.
            "VAGRANT_CHECKPOINT_DISABLE": "1",
            "VAGRANT_NO_COLOR": "1",
            # What Vagrant says for its own developers would be taken for the text of an error.
            "VAGRANT_LOG": "fatal",
            # The user's plugins do not matter to VirtualBox, and old ones break Vagrant 2.4.
            **({"VAGRANT_NO_PLUGINS": "1"} if self._hypervisor == "virtualbox" else {}),
        }

    def _keep(self, words: Sequence[str], done: Completed) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        text = f"$ vagrant {' '.join(words)}\n{readable(done.stdout)}{done.stderr}"
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{text}exit {done.returncode}\n")


def _resumed(said: str) -> LabError | None:
    """A watch for a machine that goes on from its memory."""
    return _refused(said, _REFUSALS)


def _refused(said: str, often: int) -> LabError | None:
    """Whether a machine has refused Vagrant's key so often.

    Vagrant says so every ten seconds and would go on until its boot timeout.
    """
    counts = Counter(found["target"] for found in _REFUSED.finditer(said))
    if max(counts.values(), default=0) < often:
        return None
    return WrongState(
        _("a machine does not accept the lab's key"),
        cause=_("its files are older than the key, or a power cut destroyed them"),
        hint=commands("labctl destroy", "labctl up"),
    )


def _until(limit: float) -> Guard:
    """A watch for a boot. It also gives up `limit` seconds after the first machine was started."""
    started: list[float] = []

    def watch(said: str) -> LabError | None:
        if not started and _STARTED in said:
            started.append(time.monotonic())
        if started and time.monotonic() - started[0] > limit:
            return NoBoot(_("a machine did not boot in time"))
        return _refused(said, _REFUSALS_OF_A_BOOT)

    return watch


def _errors(output: str) -> list[Row]:
    return [row for row in rows(output) if row.kind == "error-exit"]


def _executable() -> str:
    found: Any = vagrant.get_vagrant_executable()
    if found is None:
        raise MachineLacks(_("Vagrant is not installed"), hint=commands("labctl doctor"))
    return str(found)
