"""The other release and the other edition in short; `make test-releases` runs all of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.releases.story import drilled, lesson, told


def test_a_lesson_and_two_drills_on_debian_13(tmp_path: Path) -> None:
    with told("ubuntu-example", "trixie", tmp_path) as story:
        lesson(story)
        for drill in ("auth-daemon-gone", "two-mailboxes"):
            drilled(story, drill)


def test_a_lesson_and_two_drills_on_a_machine_in_the_network_of_the_book(tmp_path: Path) -> None:
    """The Ubuntu edition has the range of most homes; a lab leaves the machine's LAN alone."""
    with home_network("192.168.1.12"), told("ubuntu", "bookworm", tmp_path) as story:
        lesson(story)
        for drill in ("mx-without-dot", "two-mailboxes"):
            drilled(story, drill)
        assert "home0" in ip("route", "get", "192.168.1.13")
        # The machine keeps the address that host1 has in the lab.
        assert "local 192.168.1.12 dev lo" in ip("route", "get", "192.168.1.12")
        assert story.labctl("ssh", "host1", "--", "hostname", "-I").out.split() == ["192.168.1.12"]


@contextmanager
def home_network(address: str) -> Iterator[None]:
    """A network /24 of the machine itself, which has this address in it."""
    ip("link", "add", "home0", "type", "veth", "peer", "name", "home1")
    ip("link", "set", "home1", "up")
    try:
        ip("address", "add", f"{address}/24", "dev", "home0")
        ip("link", "set", "home0", "up")
        before = ip("route", "show", "dev", "home0")
        yield
        assert ip("route", "show", "dev", "home0") == before
    finally:
        ip("link", "delete", "home0")


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout
