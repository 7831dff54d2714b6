"""The edition for AlmaLinux on hosts with the parts of it that Debian packages too.

These are firewalld, s-nail and saslauthd. dnf, SELinux and the paths of RHEL are not run here.
"""

from __future__ import annotations

from pathlib import Path

from tests.releases.story import lesson, told


def test_the_lesson_with_firewalld_and_s_nail(tmp_path: Path) -> None:
    with told("almalinux", "bookworm", tmp_path) as story:
        lesson(story)
        opened = story.labctl("ssh", "host0", "--", "sudo", "firewall-cmd", "--list-services").out
        assert "dns" in opened.split()
