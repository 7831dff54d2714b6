"""A lab's hosts as this machine sees them: found by their processes, entered by their namespaces.

Nothing here goes through labctl, so a broken sshd or firewall on a host hides nothing.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

# Addresses of the stranger: one in the lab's network, one outside of it. Both are private
# (RFC 1918), so that the lab's BIND answers at once that they have no name.
STRANGER = 200
OUTSIDE = "172.31.99.9"
OUTSIDE_NETWORK = "172.31.99.0/24"
# setns(2); Python has it from 3.12 on.
_CLONE_NEWNET = 0x4000_0000
# Where a message of an mbox begins.
_MBOX_FROM = re.compile(r"\nFrom (?=\S+ )")
_LIBC = ctypes.CDLL(None, use_errno=True)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Host:
    """One mail server: its names, as the lab's JSON status has them, and its password."""

    name: str
    address: str
    domain: str
    user: str
    password: str

    @property
    def mailbox(self) -> str:
        return f"{self.user}@{self.domain}"


@dataclass(frozen=True)
class Done:
    """What a command left. `code` is 124 after a time-out."""

    code: int
    out: str

    @property
    def ok(self) -> bool:
        return self.code == 0


def run(argv: Sequence[str], *, stdin: str = "", seconds: float = 20) -> Done:
    """Run a command to its end; both outputs together."""
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
        return Done(124, said.decode(errors="replace") if isinstance(said, bytes) else said)
    return Done(done.returncode, done.stdout)


def _text(file: Path) -> str:
    """The content of a file, "" if there is none."""
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""


def _home(passwd: str, user: str) -> str:
    for line in passwd.splitlines():
        fields = line.split(":")
        if fields[0] == user and len(fields) > 5:
            return fields[5]
    return ""


class Machines:
    """The two hosts of the lab `name`, and a stranger beside them on their network."""

    def __init__(self, name: str, state: Path, hosts: Sequence[Host], network: str) -> None:
        self.name = name
        self.hosts = tuple(hosts)
        self.network = network
        self._roots = {host.name: state / "labs" / name / "hosts" / host.name for host in hosts}
        self._stranger = f"fuzz-{name}"[:15]
        self._found: dict[str, int] = {}

    def peer(self, host: Host) -> Host:
        return next(other for other in self.hosts if other is not host)

    def on(self, host: Host, script: str, *args: str, seconds: float = 30) -> Done:
        """Run a shell script as root on a host."""
        init = self._init(host)
        if init is None:
            return Done(1, "the host does not run")
        words = ["nsenter", "--target", str(init), "--all", "--", "env", "-i", "HOME=/root"]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return run([*words, path, "LC_ALL=C.UTF-8", "sh", "-c", script, "sh", *args],
                   seconds=seconds)  # fmt: skip

    def named(self, host: Host) -> Mapping[str, str]:
        """The variables that the scripts of the changes see."""
        peer = self.peer(host)
        return {
            "name": host.name, "address": host.address, "domain": host.domain, "user": host.user,
            "peer_name": peer.name, "peer_address": peer.address, "peer_domain": peer.domain,
            "peer_user": peer.user, "network": self.network,
        }  # fmt: skip

    def from_stranger(self, argv: Sequence[str], *, seconds: float = 20) -> Done:
        """Run a command beside the hosts, on an address of its own."""
        return run(["nsenter", f"--net=/run/netns/{self._stranger}", "--", *argv], seconds=seconds)

    def as_stranger(self, ask: Callable[[], Answer]) -> Answer:
        """Call a function whose sockets are those of a machine beside the hosts.

        It runs in a thread of its own, because setns(2) moves a thread for good.
        """

        def there() -> Answer:
            with Path(f"/run/netns/{self._stranger}").open() as namespace:
                if _LIBC.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            return ask()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(there).result()

    def messages(self, host: Host, user: str) -> Iterator[str]:
        """The messages in an account's mailbox: an mbox in /var/mail, or a Maildir at home.

        The files are read through the root folder of the host's PID 1. A program that looks for a
        message every moment would take more of the processor than the delivery.
        """
        if (init := self._init(host)) is None:
            return
        root = Path(f"/proc/{init}/root")
        yield from _MBOX_FROM.split("\n" + _text(root / "var/mail" / user))
        home = _home(_text(root / "etc/passwd"), user)
        for name in ("new", "cur"):
            with suppress(OSError):
                for file in (root / home.lstrip("/") / "Maildir" / name).iterdir():
                    yield _text(file)

    def join(self) -> None:
        """Put the stranger on the lab's network; again after each start of the hosts."""
        self.leave()
        host = self.hosts[0]
        nspawn = self._nspawn(host)
        if nspawn is None:
            raise AssertionError(f"{self.name} does not run")
        lab = ["nsenter", f"--net=/proc/{nspawn}/ns/net", "--"]
        links = json.loads(run([*lab, "ip", "-j", "link", "show"]).out)
        bridge = next(link["master"] for link in links if link.get("master"))
        inner, outer = "out0", f"fz{abs(hash(self.name)) % 10**8}"
        run(["ip", "netns", "add", self._stranger])
        there = ["nsenter", f"--net=/run/netns/{self._stranger}", "--"]
        pair = [*lab, "ip", "link", "add", outer, "type", "veth", "peer", "name", inner,
                "netns", f"/run/netns/{self._stranger}"]  # fmt: skip
        # The kernel removes the link of the stranger before this one a moment after its namespace.
        deadline = time.monotonic() + 10
        while not (added := run(pair)).ok:
            if time.monotonic() > deadline:
                raise AssertionError(f"the stranger has no network: {added.out}")
            run([*lab, "ip", "link", "delete", outer])
            time.sleep(0.1)
        run([*lab, "ip", "link", "set", outer, "master", bridge, "up"])
        prefix = self.network.rpartition("/")[2]
        base = host.address.rpartition(".")[0]
        for address in (f"{base}.{STRANGER}/{prefix}", f"{OUTSIDE}/24"):
            run([*there, "ip", "address", "add", address, "dev", inner])
        run([*there, "ip", "link", "set", "lo", "up"])
        run([*there, "ip", "link", "set", inner, "up"])
        for each in self.hosts:
            # So that an answer finds its way; a reset takes the route away again.
            self.on(each, f"ip route replace {OUTSIDE_NETWORK} dev host0")

    def leave(self) -> None:
        """Take the stranger away."""
        run(["ip", "netns", "delete", self._stranger])

    def shut_down(self) -> None:
        """Shut both hosts down in order, and wait until they are gone (at most 15 s)."""
        for host in self.hosts:
            if (init := self._init(host)) is not None:
                # systemd(1): SIGRTMIN+4 starts poweroff.target.
                os.kill(init, signal.SIGRTMIN + 4)
        deadline = time.monotonic() + 15
        while any(self._nspawn(host) for host in self.hosts) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _nspawn(self, host: Host) -> int | None:
        """The process of systemd-nspawn that runs the host; found anew when the last one ended."""
        wanted = f"--directory={self._roots[host.name]}"
        last = self._found.get(host.name)
        if last is not None and self._is_nspawn(last, wanted):
            return last
        for folder in Path("/proc").glob("[0-9]*"):
            if self._is_nspawn(pid := int(folder.name), wanted):
                self._found[host.name] = pid
                return pid
        return None

    @staticmethod
    def _is_nspawn(pid: int, wanted: str) -> bool:
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            return words[0].endswith("systemd-nspawn") and wanted in words
        return False

    def _init(self, host: Host) -> int | None:
        nspawn = self._nspawn(host)
        if nspawn is None:
            return None
        with suppress(OSError, ValueError):
            children = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split()
            # nspawn's child sets the namespaces up; PID 1 of the host is its child, or itself.
            return int(children[0]) if children else None
        return None
