"""What a step must know about the operating system of its host.

A family is data (paths, units, groups) with two objects that act: one installs packages, one
opens ports. A step never asks which system it runs on; it asks the family of its scene.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol

from labctl.managed import ManagedFile
from labctl.results import Change
from labctl.scripts import Script

if TYPE_CHECKING:
    # A scene has a family, so these modules import this one.
    from provision.facts import Facts
    from provision.step import Scene, Target

# A port and its protocols.
Rule = tuple[int, tuple[str, ...]]


class Packages(Protocol):
    """The package manager."""

    @property
    def manifest(self) -> Script:
        """The script that prints packages and their configuration files for a manifest."""

    def missing(self, target: Target, names: Sequence[str]) -> list[str]:
        """Those of `names` that are not completely installed."""

    def unfinished(self, target: Target, names: Sequence[str]) -> list[str]:
        """Those of `names` whose files are there and that are not configured."""

    @property
    def finishing(self) -> str:
        """The command line with which a person completes an interrupted installation."""

    def install(self, target: Target, names: Sequence[str]) -> list[Change]:
        """Install what is missing of `names`, without recommended packages.

        Raises:
            LabError: a package cannot be installed, or the mirror cannot be reached.
        """

    def versions(self, target: Target, names: Sequence[str]) -> Mapping[str, str]:
        """The versions of those of `names` that are installed."""

    def command(self, name: str) -> str:
        """The command line with which a person installs the package."""

    def listing(self, name: str) -> str:
        """The command line with which a person lists a package's files."""

    @property
    def hint(self) -> str:
        """How a person lists the installed packages."""


class Firewall(Protocol):
    """The program that a person uses to open ports."""

    def files(self, scene: Scene, rules: Sequence[Rule]) -> tuple[ManagedFile, ...]:
        """The program's files with exactly these ports open."""

    def keep_open(self, target: Target, rules: Sequence[Rule], *, changed: bool) -> list[Change]:
        """Switch the firewall on, now and at boot. `changed`: its files were written."""

    def open_dns(self, target: Target) -> list[Change]:
        """Let queries in while chapter 5 is done, if the firewall filters from the beginning."""

    def starts_at_boot(self, facts: Facts) -> bool:
        """Whether the program filters after a reboot, by the facts of firewall-check.sh."""

    def lasting(self, now: Sequence[str], facts: Facts) -> list[str]:
        """The rules after the next boot, as far as the program's own files tell.

        Args:
            now: The lines of `iptables -S`.
            facts: Those of firewall-check.sh.
        """

    def opening(self, port: int, protocol: str) -> str:
        """The command line with which a person opens a port."""

    def closing(self, port: int, protocol: str) -> str:
        """The command line that takes `opening` back; both protocols if none is named."""

    def denying(self, port: int, source: str = "") -> str:
        """The command line that keeps a TCP port closed, to one address or to everybody."""

    def not_denying(self, port: int, source: str) -> str:
        """The command line that takes `denying` back."""

    @property
    def disabling(self) -> str:
        """The command line with which a person switches the firewall off."""

    @property
    def unit(self) -> str:
        """The unit that switches the firewall on at boot."""

    @property
    def enabling(self) -> str:
        """The command line with which a person switches the firewall on."""

    @property
    def looking(self) -> str:
        """The command line with which a person sees what it lets in."""

    @property
    def listing(self) -> str:
        """The command line that lists its own rules as a person takes them away."""

    @property
    def letting_out(self) -> str:
        """The command line with which a person lets everything out."""

    @property
    def letting_answers_in(self) -> str:
        """The rule that lets the answers to the host's own questions in."""

    @property
    def stopping_out(self) -> str:
        """The command line that lets nothing out but answers."""


@dataclass(frozen=True)
class Bind:
    """Where BIND has its files, and how it runs.

    `zones_name` and `zone_name` are the edition's names for the file that names the lab's zones
    and for a zone file. `includes` are files of the package that named.conf includes after the
    options and the lab's zones. `empty_zones` is the file with the reverse zones of private
    networks; it is "" if BIND's own empty zones do that. `pid_file` is written when named starts.
    `tools` is the package with dig.
    `zone_folder` has the zone files if they are not in `folder`. If the edition names the zones
    in named.conf itself, the options are there too.
    """

    folder: str = "/etc/bind"
    zone_folder: str = ""
    zones_name: str = "named.conf.local"
    zone_name: str = "db.{domain}"
    includes: tuple[str, ...] = ()
    empty_zones: str = ""
    cache: str = "/var/cache/bind"
    group: str = "bind"
    unit: str = "named"
    pid_file: str = "/run/named/named.pid"
    tools: str = "bind9-dnsutils"

    @property
    def main(self) -> str:
        return f"{self.folder}/named.conf"

    @property
    def options(self) -> str:
        is_one_file = self.zones == self.main
        return self.main if is_one_file else f"{self.folder}/named.conf.options"

    @property
    def zones(self) -> str:
        """The file that names the lab's zones."""
        return f"{self.folder}/{self.zones_name}"

    def zone_file(self, domain: str) -> str:
        return f"{self.zone_folder or self.folder}/{self.zone_name.format(domain=domain)}"


@dataclass(frozen=True)
class Postfix:
    """Where Postfix has its files, and how it runs.

    `unit` is what a person starts and enables. `running_unit` is the unit whose state says
    whether Postfix runs. `drop_ins` are the units that need the boot order. `chroot` is the
    folder that smtpd has as its root, or "". `master_example` and `main_example` are what the
    package brings to begin with. `compatibility` is the level of the version's own defaults.
    """

    unit: str = "postfix"
    running_unit: str = "postfix"
    drop_ins: tuple[str, ...] = ("postfix.service",)
    main_cf: str = "/etc/postfix/main.cf"
    master_cf: str = "/etc/postfix/master.cf"
    spool: str = "/var/spool/postfix"
    chroot: str = "/var/spool/postfix"
    master_example: str = "/usr/share/postfix/master.cf.dist"
    main_example: str = "/usr/share/postfix/main.cf.debian"
    compatibility: str = "3.6"


@dataclass(frozen=True)
class Sasl:
    """How Postfix asks saslauthd.

    `defaults` is saslauthd's environment file, `smtpd_conf` what Postfix reads. `run_dir` is
    the folder of the socket and `group` may enter it; if `group` is "", everybody may. `mux` is
    the path at which smtpd, with its own root, looks for the socket. `drop_in` is a file that
    tells saslauthd's unit to expect no PID file, if the unit expects it outside of `run_dir`.
    `config_path` is the folder of `smtpd_conf` if main.cf has to name it. If it `has_options`, the
    environment file has them and the mechanism as OPTIONS and MECHANISMS. `packages` are of no use
    if Postfix asks Dovecot.
    """

    unit: str = "saslauthd"
    defaults: str = "/etc/default/saslauthd"
    smtpd_conf: str = "/etc/postfix/sasl/smtpd.conf"
    run_dir: str = "/var/spool/postfix/var/run/saslauthd"
    mux: str = "/var/run/saslauthd/mux"
    group: str = "sasl"
    drop_in: str = ""
    config_path: str = ""
    has_options: bool = True
    packages: frozenset[str] = frozenset({"sasl2-bin", "libsasl2-modules"})

    @property
    def folder(self) -> str:
        return str(PurePosixPath(self.smtpd_conf).parent)


@dataclass(frozen=True)
class Dovecot:
    """Dovecot's files and the syntax of its settings, which changed with version 2.4.

    `marker` is a file that Dovecot makes anew whenever it reads its configuration.
    """

    syntax: Literal["2.3", "2.4"] = "2.3"
    unit: str = "dovecot"
    folder: str = "/etc/dovecot"
    marker: str = "/run/dovecot/config"

    def conf_d(self, name: str) -> str:
        return f"{self.folder}/conf.d/{name}"


@dataclass(frozen=True)
class Pam:
    """PAM's files that all services include, and how a person gets them back.

    `auth` decides about passwords, `account` about who may log in. `including` is the line of a
    service's own file that includes `auth`.
    """

    auth: str = "/etc/pam.d/common-auth"
    account: str = "/etc/pam.d/common-account"
    including: str = "@include common-auth"
    mending: str = "pam-auth-update --force"


@dataclass(frozen=True)
class MailCommand:
    """The program behind the command `mail`, and the package that brings it."""

    program: Literal["mailutils", "s-nail"] = "mailutils"
    package: str = "mailutils"

    @property
    def settings(self) -> str:
        """The file of the whole host that may say from which domain it writes."""
        return "/etc/mailutils.conf" if self.program == "mailutils" else "/etc/s-nail.rc"

    def writing_from(self, domain: str) -> str:
        """The setting with which it writes from the domain, and the file that has it.

        Source: s-nail(1), `from` and `hostname`; without them Postfix completes the sender.
        """
        if self.program == "mailutils":
            return f"{self.settings}: address {{ email-domain {domain}; }};"
        return f"~/.mailrc, {self.settings}: unset from hostname"


@dataclass(frozen=True)
class Family:
    """One family of operating systems, in one release.

    `mail_log` is the file that syslog writes, if there is a syslog. `restorecon` says whether
    SELinux has to be told of files that were written.
    """

    packages: Packages
    firewall: Firewall
    bind: Bind = Bind()
    postfix: Postfix = Postfix()
    sasl: Sasl = Sasl()
    dovecot: Dovecot = Dovecot()
    mail_command: MailCommand = MailCommand()
    pam: Pam = Pam()
    mail_log: str = "/var/log/mail.log"
    restorecon: bool = False

    def words(self) -> Mapping[str, str]:
        """Paths, units and groups, by the names that hints, solutions and drills have for them."""
        return {
            "main_cf": self.postfix.main_cf,
            "master_cf": self.postfix.master_cf,
            "master_example": self.postfix.master_example,
            "postfix": self.postfix.unit,
            "postfix_folder": str(PurePosixPath(self.postfix.main_cf).parent),
            "spool": self.postfix.spool,
            "log": self.mail_log,
            "bind": self.bind.unit,
            "bind_options": self.bind.options,
            "bind_zones": self.bind.zones,
            "bind_cache": self.bind.cache,
            "saslauthd": self.sasl.unit,
            "sasl_defaults": self.sasl.defaults,
            "sasl_group": self.sasl.group,
            "sasl_run_dir": self.sasl.run_dir,
            "smtpd_conf": self.sasl.smtpd_conf,
            "sasl_folder": self.sasl.folder,
            "dovecot": self.dovecot.unit,
            "dovecot_folder": self.dovecot.folder,
            "mail_settings": self.mail_command.settings,
            "firewall": self.firewall.unit,
            "firewall_off": self.firewall.disabling,
            "looking": self.firewall.looking,
            "listing": self.firewall.listing,
        }
