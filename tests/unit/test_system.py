"""The system of a host, read from os-release(5)."""

from __future__ import annotations

import pytest

from labctl.system import DEBIAN_12, UBUNTU_24_04, System, parse_os_release


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ('NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n', DEBIAN_12),
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', UBUNTU_24_04),
        (
            'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.3"\n',
            System("almalinux", "9.3"),
        ),
        # Debian's testing names no version.
        ("PRETTY_NAME='Debian forky/sid'\nID=debian\n", System("debian", "")),
        ("", None),
        ("VERSION_ID=12\n", None),
    ],
)
def test_the_system_of_an_os_release_file(text: str, system: System | None) -> None:
    assert parse_os_release(text) == system


@pytest.mark.parametrize(
    ("system", "title"),
    [
        (DEBIAN_12, "Debian 12 (bookworm)"),
        (UBUNTU_24_04, "Ubuntu 24.04 (noble)"),
        (System("almalinux", "9.3"), "AlmaLinux 9.3"),
        (System("debian", ""), "Debian"),
    ],
)
def test_a_system_as_people_write_it(system: System, title: str) -> None:
    assert system.title == title


def test_releases_are_compared_as_numbers() -> None:
    assert System("debian", "9").release < DEBIAN_12.release
    assert System("ubuntu", "24.10").release > UBUNTU_24_04.release
    assert System("debian", "").release == ()
