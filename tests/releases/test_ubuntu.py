"""Debian hosts dressed as Ubuntu: systemd-resolved, netplan, AppArmor, and Ubuntu's name.

Ubuntu itself is not run here. Its versions of BIND, Postfix and Dovecot are those of the Debian
release: 24.04 is like Debian 12, and 26.04 like Debian 13.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.releases.story import told


@pytest.mark.parametrize(("release", "version"), [("bookworm", "24.04"), ("trixie", "26.04")])
def test_the_lab_and_the_resolver_of_the_book_are_right(
    release: str, version: str, tmp_path: Path
) -> None:
    with told("ubuntu", release, tmp_path, until="os") as story:
        for host in ("host0", "host1", "host2"):
            story.script(host, "dress-as-ubuntu.sh", version)
        story.up()
        story.is_right()
        # As the book has it, and with the listener that Ubuntu has by default.
        story.script("host1", "resolver-of-the-book.sh", "no", "192.168.1.11", "example1.test")
        story.script("host2", "resolver-of-the-book.sh", "yes", "192.168.1.11", "example2.test")
        story.is_right()
        story.labctl("test-mail")
