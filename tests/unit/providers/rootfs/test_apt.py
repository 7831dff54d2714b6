"""This machine's package sources: which ones a host gets, and through which proxy and ports."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from labctl.errors import MachineLacks
from labctl.providers.rootfs import apt
from labctl.providers.rootfs.apt import AptSetup, guest_suite, machine_setup

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's")

# As the installer of Debian 12 writes it, with the usual additional files.
DEBIAN_12 = """
#deb cdrom:[Debian GNU/Linux 12.5.0 _Bookworm_ - Official amd64 NETINST]/ bookworm main

deb http://deb.debian.org/debian/ bookworm main non-free-firmware
deb-src http://deb.debian.org/debian/ bookworm main non-free-firmware
deb http://security.debian.org/debian-security bookworm-security main non-free-firmware
deb http://deb.debian.org/debian/ bookworm-updates main # until the next point release
deb http://deb.debian.org/debian bookworm-backports main
"""
DOCKER = "deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/debian bookworm stable\n"  # noqa: E501
SURY = "deb [signed-by=/usr/share/keyrings/deb.sury.org-php.gpg] https://packages.sury.org/php/ bookworm main\n"  # noqa: E501
CHROME = "deb [arch=amd64] https://dl.google.com/linux/chrome/deb/ stable main\n"

# As the installer of Ubuntu 24.04 writes it.
UBUNTU_24 = """
# Ubuntu sources have moved to /etc/apt/sources.list.d/ubuntu.sources
Types: deb
URIs: http://jp.archive.ubuntu.com/ubuntu/
Suites: noble noble-updates noble-backports
Components: main restricted universe multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg

## Ubuntu security updates.
Types: deb
URIs: http://security.ubuntu.com/ubuntu/
Suites: noble-security
Components: main restricted universe multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg

Types: deb
Enabled: No
URIs: http://archive.ubuntu.com/ubuntu/
Suites: noble
Components: main

Types: deb
URIs: https://download.docker.com/linux/ubuntu
Suites: noble
Components: stable
Signed-By: /etc/apt/keyrings/docker.asc
"""
ALL = "main restricted universe multiverse"
KEY = "[signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg]"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An /etc with apt/ and os-release. apt reads it through its own configuration."""
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    (tmp_path / "certificates").mkdir()
    monkeypatch.setattr(apt, "_APT", tmp_path / "apt")
    monkeypatch.setattr(apt, "_OS_RELEASE", tmp_path / "os-release")
    monkeypatch.setattr(apt, "_LOCAL_CERTIFICATES", tmp_path / "certificates")
    release(tmp_path, "bookworm")
    settings(tmp_path, monkeypatch, "")
    return tmp_path


def release(etc: Path, suite: str) -> None:
    (etc / "os-release").write_text(f'PRETTY_NAME="X"\nVERSION_CODENAME={suite}\n')


def settings(etc: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The output of a stand-in for apt-config(8), in the real format."""
    (etc / "bin").mkdir(exist_ok=True)
    (etc / "bin" / "apt-config").write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    (etc / "bin" / "apt-config").chmod(0o755)
    monkeypatch.setenv("PATH", f"{etc / 'bin'}:/usr/bin:/bin")


def sources(etc: Path, *, one_line: str = "", deb822: str = "") -> None:
    (etc / "apt" / "sources.list").write_text(one_line)
    (etc / "apt" / "sources.list.d" / "system.sources").write_text(deb822)


def test_debian_12_in_one_line_format(etc: Path) -> None:
    sources(etc, one_line=DEBIAN_12)
    assert machine_setup().sources == (
        "deb http://deb.debian.org/debian/ bookworm main non-free-firmware",
        "deb http://security.debian.org/debian-security bookworm-security main non-free-firmware",
        "deb http://deb.debian.org/debian/ bookworm-updates main",
    )


def test_a_comment_may_be_in_any_encoding(etc: Path) -> None:
    sources = etc / "apt" / "sources.list"
    sources.write_bytes("# 国内のミラー\n".encode("euc_jp") + DEBIAN_12.encode())
    assert len(machine_setup().sources) == 3


def test_ubuntu_24_in_deb822_format(etc: Path) -> None:
    release(etc, "noble")
    sources(etc, deb822=UBUNTU_24)
    setup = machine_setup()
    assert setup.suite == "noble"
    assert setup.sources == (
        f"deb {KEY} http://jp.archive.ubuntu.com/ubuntu/ noble {ALL}",
        f"deb {KEY} http://jp.archive.ubuntu.com/ubuntu/ noble-updates {ALL}",
        f"deb {KEY} http://security.ubuntu.com/ubuntu/ noble-security {ALL}",
    )


def test_third_parties_are_left_out(etc: Path) -> None:
    sources(etc, one_line=DEBIAN_12)
    alone = machine_setup().sources
    (etc / "apt" / "sources.list.d" / "others.list").write_text(DOCKER + SURY + CHROME)
    assert machine_setup().sources == alone


def test_every_file_of_sources_counts_in_the_order_of_its_name(etc: Path) -> None:
    sources(etc, one_line="deb http://a/debian bookworm main\n")
    for name in ("c", "b"):
        line = f"deb http://{name}/debian bookworm main\n"
        (etc / "apt" / "sources.list.d" / f"{name}.list").write_text(line)
    (etc / "apt" / "sources.list.d" / "d.list.save").write_text(
        "deb http://d/debian bookworm main\n"
    )
    assert [line.split()[1] for line in machine_setup().sources] == [
        "http://a/debian", "http://b/debian", "http://c/debian",
    ]  # fmt: skip


@pytest.mark.parametrize("text", [None, "# none yet\n\n"])
def test_a_list_without_mirrors_is_left_to_apt(etc: Path, text: str | None) -> None:
    mirrors = etc / "apt" / "mirrors.list"
    if text is not None:
        mirrors.write_text(text)
    sources(etc, one_line=f"deb mirror+file:{mirrors} bookworm main\n")
    assert machine_setup().sources == (f"deb mirror+file:{mirrors} bookworm main",)


def test_a_companys_mirror_with_its_own_key_is_the_distribution(etc: Path) -> None:
    line = "deb [signed-by=/etc/apt/keyrings/company.gpg] https://apt.company.example/debian bookworm main"  # noqa: E501
    sources(etc, one_line=line)
    assert machine_setup().sources == (line,)


def test_a_cloud_images_list_of_mirrors_is_followed(etc: Path) -> None:
    mirrors = etc / "apt" / "mirrors.list"
    mirrors.write_text("# nearest first\nhttps://cdn.example/debian\tpriority:1\n")
    sources(
        etc,
        deb822=f"Types: deb deb-src\nURIs: mirror+file://{mirrors}\nSuites: bookworm\n"
        " bookworm-updates\nComponents: main\n",
    )
    assert machine_setup().sources == (
        "deb https://cdn.example/debian bookworm main",
        "deb https://cdn.example/debian bookworm-updates main",
    )


def test_an_unsigned_mirror_that_the_machine_trusts_is_trusted(etc: Path) -> None:
    sources(
        etc,
        deb822="Types: deb\nURIs: http://a/debian\nSuites: bookworm\nComponents: main\n"
        "Trusted: yes\n",
    )
    assert machine_setup().sources == ("deb [trusted=yes] http://a/debian bookworm main",)


def test_a_mirror_of_ones_own_takes_the_archives_place_but_not_securitys(etc: Path) -> None:
    sources(etc, one_line=DEBIAN_12)
    setup = machine_setup("https://mirror.example:8443/debian")
    first, security, updates = setup.sources
    assert first.split()[1] == updates.split()[1] == "https://mirror.example:8443/debian"
    assert security.split()[1] == "http://security.debian.org/debian-security"
    assert setup.outward_ports == (80, 443, 8443)


def test_a_machine_without_debian_sources_is_told_another_way(etc: Path) -> None:
    sources(etc, one_line=CHROME)
    with pytest.raises(MachineLacks) as lacks:
        machine_setup()
    assert lacks.value.hint.commands == (("labctl", "doctor"),)


@pytest.fixture
def keyring(etc: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The keys of all releases of Debian."""
    path = etc / "debian-archive-keyring.gpg"
    path.write_bytes(b"")
    monkeypatch.setattr(apt, "_KEYRING", path)
    return path


def test_another_release_comes_from_the_machines_own_mirror(etc: Path, keyring: Path) -> None:
    old = "signed-by=/usr/share/keyrings/debian-archive-bookworm-stable.gpg"
    sources(etc, one_line=DEBIAN_12 + f"deb [{old}] http://mirror.example/debian bookworm main\n")
    setup = machine_setup(release="trixie")
    assert setup.suite == "trixie"
    assert setup.sources == (
        "deb http://deb.debian.org/debian/ trixie main non-free-firmware",
        "deb http://security.debian.org/debian-security trixie-security main non-free-firmware",
        "deb http://deb.debian.org/debian/ trixie-updates main",
        f"deb [signed-by={keyring}] http://mirror.example/debian trixie main",
    )
    mirrored = machine_setup("https://mirror.example:8443/debian", "trixie").sources
    assert mirrored[0] == "deb https://mirror.example:8443/debian trixie main non-free-firmware"
    assert "security.debian.org" in mirrored[1]


def test_the_machines_own_release_is_the_default(etc: Path) -> None:
    for suite in ("bookworm", "trixie", "noble"):
        release(etc, suite)
        assert guest_suite(None) == suite
        assert guest_suite("bookworm") == "bookworm"


@pytest.mark.parametrize("suite", ["", "jammy", "bullseye", "forky"])
def test_a_machine_of_another_release_gets_the_newest_from_debian(
    etc: Path, keyring: Path, suite: str
) -> None:
    release(etc, suite)
    sources(etc, deb822=UBUNTU_24)
    setup = machine_setup()
    assert setup.suite == "trixie"
    assert setup.sources[0] == f"deb [signed-by={keyring}] http://deb.debian.org/debian trixie main"
    assert len(setup.sources) == 3


def test_without_debians_keys_it_says_which_package_has_them(etc: Path, keyring: Path) -> None:
    keyring.unlink()
    sources(etc, one_line=DEBIAN_12)
    with pytest.raises(MachineLacks) as lacks:
        machine_setup(release="trixie")
    assert lacks.value.hint.commands == (("sudo", "apt-get", "install", "debian-archive-keyring"),)
    assert machine_setup().suite == "bookworm"


PROXY = """APT "";
Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://name:word@127.0.0.1:3142/";
Acquire::http::Proxy::deb.debian.org "DIRECT";
Acquire::https::Proxy "DIRECT";
Acquire::Check-Valid-Until "false";"""


def test_the_machines_proxy_is_reached_from_the_lab(
    etc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(etc, monkeypatch, PROXY)
    sources(etc, one_line=DEBIAN_12)
    setup = machine_setup()
    assert setup.conf().splitlines() == [
        'Acquire::Check-Valid-Until "false";',
        'Acquire::http::Proxy "http://name:word@127.0.0.1:3142/";',
    ]
    assert "http://name:word@192.168.56.1:3142/" in setup.conf(machine="192.168.56.1")
    # The port is on this machine, not outside.
    assert (setup.outward_ports, setup.machine_proxy_port) == ((80, 443), 3142)


def test_a_proxy_elsewhere_is_a_port_outward() -> None:
    proxies = (("http", "http://proxy.example:3128"),)
    setup = AptSetup("bookworm", ("deb http://a/debian bookworm main",), (), proxies, ())
    assert (setup.outward_ports, setup.machine_proxy_port) == ((80, 443, 3128), None)
    assert setup.conf(machine="192.168.56.1") == setup.conf()


@pytest.mark.parametrize(
    ("proxy", "seen"),
    [
        ("http://127.0.0.1/", "http://192.168.56.1:80/"),
        ("https://localhost/", "https://192.168.56.1:443/"),
        ("http://[::1]:3142/", "http://192.168.56.1:3142/"),
    ],
)
def test_a_proxy_without_a_port_has_the_one_of_its_scheme(proxy: str, seen: str) -> None:
    setup = AptSetup("bookworm", (), (), (("http", proxy),), ())
    assert setup.conf(machine="192.168.56.1") == f'Acquire::http::Proxy "{seen}";\n'


def test_mail_is_no_way_to_packages() -> None:
    proxies = (("http", "http://proxy.example:25"),)
    setup = AptSetup("x", ("deb http://a:25/debian bookworm main",), (), proxies, ())
    assert setup.outward_ports == (80, 443)


def test_certificates_of_the_machine_go_along(etc: Path) -> None:
    sources(etc, one_line=DEBIAN_12)
    (etc / "certificates" / "our company.crt").touch()
    assert machine_setup().certificates == (etc / "certificates" / "our company.crt",)
