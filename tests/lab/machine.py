"""A machine of their own for the lab tests: a network namespace with a way out.

In it the book's addresses are free, whatever labs the person at the machine has, and several
test runs do not meet. The whole test process enters it, so labctl and all other programs that
the tests start are in it too. Only limits of the kernel are shared with the rest of the machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

from labctl import dial
from tests.lab.traces import lab_id

# The kernel's limit that a class and the labs beside it reach first, and what they need; see
# `labctl class doctor`.
_INSTANCES, _NEEDED = Path("/proc/sys/fs/inotify/max_user_instances"), 1024
# Not a range that labs use for their own ways out.
_POOL = IPv4Address("100.127.0.0")


def allow_a_class() -> Callable[[], None]:
    """Raise the limit to what `labctl class doctor` asks for; the result puts it back."""
    before = _INSTANCES.read_text()
    if int(before) >= _NEEDED or os.geteuid() != 0:
        return lambda: None
    _write(str(_NEEDED))
    return partial(_write, before)


@contextmanager
def own_machine() -> Iterator[None]:
    """Enter the namespace for the time; what a killed test run left of it is removed first."""
    number = lab_id()
    name, link, table = f"labtest-{number}", f"lt-{number}", f"labtest_{number}"
    outside = _POOL + int(number, 16) % 2**14 * 4 + 1
    _remove(name, link, table)
    with Path("/proc/thread-self/ns/net").open("rb") as before:
        try:
            _make(name, link, table, outside)
            dial.enter(Path("/run/netns") / name)
            yield
        finally:
            dial.enter(Path(f"/proc/self/fd/{before.fileno()}"))
            _remove(name, link, table)


def _write(limit: str) -> None:
    _INSTANCES.write_text(limit)


def _make(name: str, link: str, table: str, outside: IPv4Address) -> None:
    _run("ip", "netns", "add", name)
    _run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
    _run("ip", "address", "add", f"{outside}/30", "dev", link)
    _run("ip", "link", "set", link, "up")
    for words in (
        ["link", "set", "lo", "up"],
        ["address", "add", f"{outside + 1}/30", "dev", "eth0"],
        ["link", "set", "eth0", "up"],
        ["route", "add", "default", "via", str(outside)],
    ):
        _run("ip", "-n", name, *words)
    for device in (link, *_ways_out()):
        Path(f"/proc/sys/net/ipv4/conf/{device}/forwarding").write_text("1")
    rules = (
        f"table ip {table} {{ chain out {{ type nat hook postrouting priority 100;"
        f' iifname "{link}" masquerade; }}; }}'
    )
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)


def _ways_out() -> list[str]:
    routes = subprocess.run(
        ["ip", "-4", "route", "show", "default"], capture_output=True, text=True, check=True
    ).stdout
    words = routes.split()
    return [words[at + 1] for at, word in enumerate(words) if word == "dev"]


def _remove(name: str, link: str, table: str) -> None:
    for argv in (
        ["ip", "link", "delete", link],
        ["ip", "netns", "delete", name],
        ["nft", "delete", "table", "ip", table],
    ):
        subprocess.run(argv, capture_output=True, check=False)
    with suppress(OSError):
        (Path("/run/netns") / name).unlink()


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)
