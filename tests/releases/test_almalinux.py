"""The edition for AlmaLinux on hosts with the parts of it that Debian packages too.

These are firewalld, s-nail, saslauthd, BIND in a chroot and Postfix without one. dnf, SELinux and
the paths of RHEL are not run here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.releases.story import Story, lesson, told


@pytest.fixture(scope="module")
def story(release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with told("almalinux", release, tmp_path_factory.mktemp(release)) as found:
        yield found


def test_the_lesson_with_firewalld_and_s_nail(story: Story) -> None:
    lesson(story)
    opened = story.labctl("ssh", "host0", "--", "sudo", "firewall-cmd", "--list-services").out
    assert "dns" in opened.split()


def test_ports_are_open_now_and_after_a_reload(story: Story) -> None:
    for option in ((), ("--permanent",)):
        words = ("sudo", "firewall-cmd", "--zone=public", *option, "--list-ports")
        ports = story.labctl("ssh", "host1", "--", *words).out.split()
        assert {"25/tcp", "53/tcp", "53/udp", "110/tcp", "143/tcp"} <= set(ports)


def test_bind_in_a_chroot_and_postfix_without_one_are_right(story: Story) -> None:
    assert story.script("host1", "named-in-chroot.sh").out.strip() == "/var/named/chroot"
    story.script("host2", "postfix-without-chroot.sh")
    story.is_right()
    story.labctl("test-mail", "--client")
