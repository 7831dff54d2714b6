"""The measured lab: labctl's commands, the hosts, and the time of their SMTP greeting."""

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
from labctl.providers.nspawn.lab_limits import LabGroup, lab_id_of
from labctl.providers.rootfs.cgroup import Cgroup

NAME = "bench"
_CLONE_NEWNET = 0x40000000


def labctl(*words: str, cache: Path | None = None) -> str:
    """Run labctl as a separate process and return its output."""
    return finish(start_labctl(*words, cache=cache))


def start_labctl(*words: str, cache: Path | None = None) -> subprocess.Popen[str]:
    """Start labctl on the benchmark's lab. `cache` replaces the user's cache folder."""
    environment = {**os.environ, "LABCTL_NAME": NAME}
    if cache is not None:
        environment["XDG_CACHE_HOME"] = str(cache)
    return start([sys.executable, "-m", "labctl", *words], environment)


def start(
    argv: list[str], environment: Mapping[str, str] | None = None, *, stdin: Path | None = None
) -> subprocess.Popen[str]:
    """Start a command and keep its output for `finish`. Its input is the text of a file."""
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
    """Return the output of the command. A failure ends the benchmark and prints the output."""
    printed, said = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{process.args!r}: status {process.returncode}\n{printed}{said}")
    return printed


def data(*words: str) -> Any:
    """The JSON data of a labctl command."""
    return json.loads(labctl(*words, "--json"))["data"]


def home() -> LabHome:
    return lab_home(NAME)


def hosts() -> tuple[Host, ...]:
    return load_lab(NAME).mail_hosts


def groups() -> dict[str, Cgroup]:
    """The control group of each running host: all that runs on it."""
    lab = LabGroup(lab_id_of(home().state))
    found = {host.name: lab.host(host.name) for host in hosts()}
    return {name: group for name, group in found.items() if group.populated()}


def root(host: Host) -> Path:
    """Where the host's disk is mounted on this machine."""
    return home().state / "hosts" / host.name


def nspawn_command(group: Cgroup) -> list[str]:
    """The command line of systemd-nspawn in a group, or empty if there is none."""
    for pid in group.pids():
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
            if words and Path(words[0]).name == "systemd-nspawn":
                return words
    return []


def init_pids() -> dict[str, int | None]:
    """The process id of each running host's PID 1 on this machine."""
    return {name: group.init_pid() for name, group in groups().items()}


def await_smtp(groups: Mapping[str, Cgroup], before: Mapping[str, int | None]) -> None:
    """Wait until each host has a new PID 1 and sends its SMTP greeting.

    The question is asked from within the host's network. From outside, ARP for an address that
    does not exist yet would add up to a second.
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
    """Move only this thread into the network namespace of a process (setns(2))."""
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
    """Open an OpenSSH connection to each host. Returns the words that start a command as root."""
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
    """Use the lab's key and pinned host keys, and ignore the user's SSH settings."""
    return [
        "-F", "none", "-o", "LogLevel=ERROR", "-o", f"IdentityFile={home().key_file}",
        "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={home().known_hosts}",
    ]  # fmt: skip
