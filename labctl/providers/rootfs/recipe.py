"""What the base image is made of: packages and scripts, and the layers that follow from them.

`os` is a small Debian with systemd, sshd and the admin login. `dns` and `mail` are what the
chapters' packages add to it. Each layer is named by a hash of everything that goes into it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from labctl.lab import Edition, PackageSet
from labctl.providers.rootfs.apt import AptSetup
from labctl.scripts import Script

# What a host is made of before the chapters begin. rsyslog writes the mail log that the book
# reads. Without libpam-systemd a login over SSH starts no service manager of its own.
OS_PACKAGES = (
    "systemd,systemd-sysv,dbus,libnss-systemd,openssh-server,sudo,adduser,"
    "iproute2,iputils-ping,netbase,procps,less,nano,vim-tiny,rsyslog,logrotate,"
    "ca-certificates,bind9-dnsutils,bind9-host,debconf-utils"
)
# The order in which the layers of package sets lie on each other.
PACKAGE_SETS: tuple[PackageSet, ...] = ("dns", "mail")
CUSTOMIZE = Script("labctl.providers.rootfs", "image-customize.sh")
INSTALL = Script("labctl.providers.rootfs", "image-packages.sh")

# Raised whenever the recipe changes in a way that its inputs do not show.
_NUMBER = 6
# The hosts are Debian, whatever the edition's book installs.
_FAMILY = "debian"


@dataclass(frozen=True)
class Layer:
    """One image layer: its title (`os`, `dns`, `mail`) and the hash that names it."""

    title: str
    key: str

    @property
    def name(self) -> str:
        return f"{self.title}-{self.key}"


@dataclass(frozen=True)
class Recipe:
    """The recipe for one edition with this machine's package sources.

    `machine` is the labctl machine's address as the hosts see it: a package proxy on the
    machine's loopback is reached there.
    """

    edition: Edition
    apt: AptSetup
    machine: str

    def layers(self, sets: Iterable[PackageSet]) -> tuple[Layer, ...]:
        """The layers below a host that has these package sets, from the bottom up."""
        found = [Layer("os", digest(self._os_inputs()))]
        for title in sets:
            found.append(Layer(title, digest([found[-1].key, self.packages(title), INSTALL.text])))
        return tuple(found)

    def packages(self, title: str) -> tuple[str, ...]:
        """The packages of the layer `dns` or `mail`."""
        return self.edition.packages_for(_FAMILY).sets[title]

    def apt_conf(self) -> str:
        """apt's configuration in the image."""
        return (
            'Acquire::Languages "none";\nAcquire::GzipIndexes "true";\n'
            'APT::Install-Recommends "false";\n' + self.apt.conf(machine=self.machine)
        )

    def _os_inputs(self) -> object:
        certificates = [path.read_text(errors="replace") for path in self.apt.certificates]
        conf = self.apt.conf(machine=self.machine)
        return [
            _NUMBER, OS_PACKAGES, CUSTOMIZE.text, self.edition.admin,
            self.apt.suite, self.apt.sources, conf, certificates,
        ]  # fmt: skip


def digest(value: object) -> str:
    """Twelve hexadecimal digits that name a value."""
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:12]
