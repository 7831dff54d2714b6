"""The lab that is measured: labctl's commands on it, its hosts, and when their SMTP answers."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

from labctl.home import LabHome, lab_home
from labctl.lab import Host, load_lab
from labctl.providers.nspawn.cgroup import Cgroup, cgroups_called

NAME = "bench"
_CLONE_NEWNET = 0x40000000


def labctl(*words: str, cache: Path | None = None) -> str:
    """Runs labctl as a person does, a process of its own; returns what it printed."""
    return finish(start_labctl(*words, cache=cache))


def start_labctl(*words: str, cache: Path | None = None) -> subprocess.Popen[str]:
    """Starts labctl on the benchmark's own lab; `cache` replaces the user's cache folder."""
    environment = {**os.environ, "LABCTL_NAME": NAME}
    if cache is not None:
        environment["XDG_CACHE_HOME"] = str(cache)
    return start([sys.executable, "-m", "labctl", *words], environment)


def start(
    argv: list[str], environment: Mapping[str, str] | None = None, *, stdin: Path | None = None
) -> subprocess.Popen[str]:
    """Starts a command whose outputs are kept, for `finish`; its input is a file's text."""
    with (stdin or Path(os.devnull)).open("rb") as source:
        return _start(argv, environment, source)


def _start(
    argv: list[str], environment: Mapping[str, str] | None, source: BufferedReader
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        argv,
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What the command printed; a failed one ends the benchmark with all that it said."""
    printed, said = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{process.args!r}: status {process.returncode}\n{printed}{said}")
    return printed


def data(*words: str) -> Any:
    """What a command of labctl gives as JSON."""
    return json.loads(labctl(*words, "--json"))["data"]


def home() -> LabHome:
    return lab_home(NAME)


def hosts() -> tuple[Host, ...]:
    return load_lab(NAME).mail_hosts


def groups() -> dict[str, Cgroup]:
    """The control group of each running host: all that runs on it."""
    found = {}
    for host in hosts():
        for group in cgroups_called("labctl-"):
            if group.name.endswith(f"-{host.name}") and _root_of(group) == root(host):
                found[host.name] = group
    return found


def root(host: Host) -> Path:
    """Where the host's disk is mounted on this machine."""
    return home().state / "hosts" / host.name


def nspawn_command(group: Cgroup) -> list[str]:
    """The command line of the systemd-nspawn in a group; empty where there is none."""
    for pid in group.pids():
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
            if words and Path(words[0]).name == "systemd-nspawn":
                return words
    return []


def _root_of(group: Cgroup) -> Path | None:
    option = "--directory="
    found = [word for word in nspawn_command(group) if word.startswith(option)]
    return Path(found[0].removeprefix(option)) if found else None


def init_pids() -> dict[str, int | None]:
    """PID 1 of each running host, as this machine numbers it."""
    return {name: group.init_pid() for name, group in groups().items()}


def await_smtp(groups: Mapping[str, Cgroup], before: Mapping[str, int | None]) -> None:
    """Waits until each host has another PID 1 than before and its SMTP greets.

    The host is asked at its own address from within its own network: asked from outside, the
    look-up of an address that is not there yet (ARP) would add up to a second to the answer.
    """

    def wait(name: str, address: str) -> None:
        group = groups[name]
        while (init := group.init_pid()) in (None, before.get(name)):
            time.sleep(0.01)
        _enter_network(init)
        while not _greets(address):
            time.sleep(0.01)

    with ThreadPoolExecutor(len(groups)) as pool:
        waits = [
            pool.submit(wait, host.name, str(host.address))
            for host in hosts()
            if host.name in groups
        ]
        for each in waits:
            each.result()


def _enter_network(pid: int | None) -> None:
    """Moves this thread, and no other, into the network of a process (setns(2))."""
    assert threading.current_thread() is not threading.main_thread()
    with Path(f"/proc/{pid}/ns/net").open() as network:
        library = ctypes.CDLL(None, use_errno=True)
        if library.setns(network.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _greets(address: str) -> bool:
    with suppress(OSError), socket.create_connection((address, 25), timeout=5) as probe:
        return probe.recv(3) == b"220"
    return False


@contextmanager
def open_ssh(folder: Path) -> Iterator[dict[str, list[str]]]:
    """An open OpenSSH connection to each host: the words that begin a command there as root."""
    commands = {}
    for host in hosts():
        words = ["ssh", *ssh_options(), "-o", f"ControlPath={folder / host.name}.ssh"]
        finish(start([*words, "-fNM", f"root@{host.address}"]))
        commands[host.name] = [*words, f"root@{host.address}", "--"]
    try:
        yield commands
    finally:
        for words in commands.values():
            subprocess.run([*words[:-2], "-O", "exit", words[-2]], capture_output=True, check=False)


def ssh_options() -> list[str]:
    """With the lab's key and its pinned host keys, and nothing of this person's own settings."""
    return [
        "-F", "none", "-o", "LogLevel=ERROR", "-o", f"IdentityFile={home().key_file}",
        "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={home().known_hosts}",
    ]  # fmt: skip
