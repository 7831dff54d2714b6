"""A real Incus of the tests' own, in namespaces that end with the test.

The daemon comes from Debian's packages. It runs without systemd, keeps its state below a folder
of the test, and is reached over its Unix socket from outside of its network namespace: labctl
has no route to the lab's addresses, as on a laptop.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labctl.run import Completed, run
from labctl.scripts import Script
from labctl.waiting import wait_until

INCUSD = "/usr/libexec/incus/incusd"
POOL = "labctl"
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Daemon:
    """One running incusd. `pid` is its namespaces' first process as this machine numbers it."""

    folder: Path
    pid: int

    @property
    def env(self) -> Mapping[str, str]:
        """The environment in which the `incus` client speaks to this daemon."""
        return {"INCUS_DIR": str(self.folder / "incus"), "INCUS_CONF": str(self.folder / "client")}

    def incus(self, *words: str, check: bool = True, timeout: float = 60) -> Completed:
        return run(["incus", *words], env=self.env, check=check, timeout=timeout)

    def query(self, path: str) -> Any:
        return json.loads(self.incus("query", path).stdout)

    @property
    def within(self) -> tuple[str, ...]:
        """The beginning of a command that runs in the server's network, for its address alone."""
        return ("nsenter", f"--target={self.pid}", "--net", "--")

    def client(self, conf: Path) -> dict[str, str]:
        """The environment of a client that reaches the server over HTTPS, as the remote `far`.

        It has nothing but a token, and a new folder for its configuration.
        """
        self.incus("config", "set", "core.https_address", "127.0.0.1:8443")
        token = self.incus("config", "trust", "add", "laptop", "--quiet").stdout.split()[-1]
        # There is no local server on a laptop.
        env = {"INCUS_CONF": str(conf), "INCUS_DIR": str(self.folder / "nowhere")}
        run([*self.within, "incus", "remote", "add", "far", token], env=env, timeout=30)
        return env

    def inside(self, *argv: str, check: bool = True) -> Completed:
        """Run a command in the daemon's network and mount namespaces."""
        enter = ["nsenter", f"--target={self.pid}", "--net", "--mount", "--"]
        return run([*enter, *argv], check=check, timeout=60)

    def await_ready(self) -> None:
        run([INCUSD, "waitready", "--timeout=60"], env=self.env, timeout=70)

    def kill(self) -> None:
        """Kill incusd, not its instances. It stays away until `revive`."""
        (self.folder / "down").touch()
        for pid in self._processes("incusd"):
            os.kill(pid, signal.SIGKILL)

    def revive(self) -> None:
        (self.folder / "down").unlink(missing_ok=True)
        self.await_ready()

    def _processes(self, name: str) -> list[int]:
        namespace = Path(f"/proc/{self.pid}/ns/pid").readlink()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                mine = (process / "ns" / "pid").readlink() == namespace
                if mine and (process / "comm").read_text().strip() == name:
                    found.append(int(process.name))
        return found


@contextmanager
def incus_daemon(folder: Path, *, pool_gib: int = 10) -> Iterator[Daemon]:
    """Start a daemon, with a btrfs pool on a loop file; everything ends with the block.

    `folder` needs a short path: it holds Unix sockets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The hosts' root, who is nobody here, enters it on the way to its files.
    folder.chmod(0o711)
    _write_hierarchies(folder / "hybrid")
    script = Script("tests.incus", "namespace.sh").text
    argv = [
        "unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc",
        "sh", "-euc", script, "sh", str(folder),
    ]  # fmt: skip
    environment = {**os.environ, "INCUS_DIR": str(folder / "incus"), "LC_ALL": "C.UTF-8"}
    (folder / "incus").mkdir()
    log = (folder / "namespace.log").open("wb")
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
    )
    try:
        daemon = Daemon(folder, wait_until(10, lambda: _child(process.pid), every=0.02))
        daemon.await_ready()
        if pool_gib:
            daemon.incus("storage", "create", POOL, "btrfs", f"size={pool_gib}GiB")
        yield daemon
    finally:
        process.kill()
        process.wait()
        log.close()
        _remove_cgroups()


@contextmanager
def new_network() -> Iterator[int]:
    """A network namespace of its own; the id of the process that holds it."""
    process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    try:
        here = Path("/proc/self/ns/net").readlink()
        wait_until(10, lambda: Path(f"/proc/{process.pid}/ns/net").readlink() != here, every=0.02)
        in_network(process.pid, "ip", "link", "set", "lo", "up")
        yield process.pid
    finally:
        process.kill()
        process.wait()


def in_network(pid: int, *argv: str) -> Completed:
    """Run a command in the network namespace of a process."""
    return run(["nsenter", f"--target={pid}", "--net", "--", *argv], timeout=60)


def _child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0


def _write_hierarchies(file: Path) -> None:
    """Writes how this machine mounts its version 1 control groups: folder, options."""
    lines = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup":
            wanted = [o for o in options.split(",") if o not in {"rw", "ro"}]
            wanted = ["none", *wanted] if any("name=" in o for o in wanted) else wanted
            lines.append(f"{Path(before.split()[4]).name} {','.join(wanted)}\n")
    if lines:
        file.write_text("".join(lines))


def _remove_cgroups() -> None:
    """Removes the empty groups that LXC leaves."""
    for path in _CGROUPS.glob("**/lxc.*"):
        for folder, _below, _files in os.walk(path, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
