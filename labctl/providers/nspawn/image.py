"""The cached base image: read-only layers that every lab of this user stands on.

`os` is a small Debian with systemd, sshd and the admin login; `dns` and `mail` are what the
chapters' packages add to it. Each layer is named by a hash of all that went into it and is
built once: in a folder of its own that is renamed when whole, so none is ever half there. What
was altered since is found by its seal before a host stands on it, and built anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from filelock import FileLock, Timeout

from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState
from labctl.hint import commands
from labctl.i18n import _
from labctl.lab import Edition, PackageSet
from labctl.progress import Progress
from labctl.providers.nspawn import users
from labctl.providers.nspawn.apt import PATIENCE, AptSetup
from labctl.providers.nspawn.cgroup import Cgroup
from labctl.providers.nspawn.mounts import mount_overlay, standing_on, unmount_below
from labctl.providers.nspawn.seal import break_seal, built_on, is_sealed, seal
from labctl.quote import shell_line
from labctl.run import run

# What a host is made of before the chapters begin. rsyslog writes the mail log the book reads.
# Without libpam-systemd a login over SSH starts no manager of its own.
_OS_PACKAGES = (
    "systemd,systemd-sysv,dbus,libnss-systemd,openssh-server,sudo,adduser,"
    "iproute2,iputils-ping,netbase,procps,less,nano,vim-tiny,rsyslog,logrotate,"
    "ca-certificates,bind9-dnsutils,bind9-host,debconf-utils"
)
# Raised whenever the recipe below changes in a way its inputs do not show.
_RECIPE = 5
# The hosts are Debian, whatever the edition's book installs.
_FAMILY = "debian"
_NEEDED_BYTES = 2 * 1024**3
# So many of apt's errors are told; the log has all.
_TOLD = 6
_FULL_BYTES = 16 * 1024**2
# The order in which package sets lie on each other.
PACKAGE_SETS: tuple[PackageSet, ...] = ("dns", "mail")

# Runs in the new root, once, with the admin login's name as $1. Masked is what a container has no
# use for; a boot costs a third less without. `.updated` says that /etc and /var fit this /usr
# (systemd-update-done.service(8)).
_CUSTOMIZE = """
useradd --create-home --shell /bin/bash --groups sudo,adm -- "$1"
printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\\n' "$1" >/etc/sudoers.d/90-lab
chmod 440 /etc/sudoers.d/90-lab
printf 'UseDNS no\\nPermitRootLogin prohibit-password\\n' >/etc/ssh/sshd_config.d/lab.conf
rm -f /etc/ssh/ssh_host_* /etc/hostname /etc/resolv.conf
: >/etc/machine-id
systemctl enable systemd-networkd.service
systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer \
  systemd-logind.service systemd-network-generator.service systemd-pstore.service \
  systemd-remount-fs.service systemd-journal-flush.service systemd-update-utmp-runlevel.service \
  e2scrub_reap.service dev-hugepages.mount dev-mqueue.mount
mkdir /etc/systemd/system-generators
for name in cryptsetup debug fstab getty gpt-auto hibernate-resume integritysetup rc-local run \
    system-update veritysetup; do
  ln -s /dev/null "/etc/systemd/system-generators/systemd-$name-generator"
done
touch /etc/.updated /var/.updated
"""

_PRESEED = """
postfix postfix/main_mailer_type select No configuration
"""

# As long as nobody has written main.cf, each `postconf` of Postfix's generator and unit ends
# after a second's sleep: at every boot and reload. So its one instance is wanted by a link, and
# starting Postfix at boot is left to the chapter.
_WITHOUT_MAIN_CF = """
[ -e /lib/systemd/system/postfix@.service ] || exit 0
systemctl disable postfix
mkdir -p /etc/systemd/system/postfix.service.wants
ln -s /lib/systemd/system/postfix@.service \
  /etc/systemd/system/postfix.service.wants/postfix@-.service
ln -s /dev/null /etc/systemd/system-generators/postfix-instance-generator
"""


@dataclass(frozen=True)
class Layer:
    """One image layer: its title (`os`, `dns`, `mail`) and the hash that names it."""

    title: str
    key: str

    @property
    def name(self) -> str:
        return f"{self.title}-{self.key}"


class Image:
    """The layers of one edition, built with this machine's package sources into `folder`."""

    def __init__(self, folder: Path, edition: Edition, apt: AptSetup, machine: str) -> None:
        self.folder = folder
        self._edition = edition
        self._apt = apt
        self._machine = machine
        self._cgroup = image_cgroup(folder)
        self._seen_whole: set[str] = set()

    def layers(self, sets: Iterable[PackageSet]) -> tuple[Layer, ...]:
        """The layers below a host that has these package sets, from the bottom up."""
        packages = self._edition.packages_for(_FAMILY).sets
        found = [Layer("os", _digest(self._os_inputs()))]
        for title in sets:
            key = _digest([found[-1].key, packages[title], _PRESEED, _WITHOUT_MAIN_CF])
            found.append(Layer(title, key))
        return tuple(found)

    def path(self, name: str) -> Path:
        return self.folder / name

    def ensure(self, layers: tuple[Layer, ...], progress: Progress) -> None:
        """Builds what is missing or altered; one labctl at a time, a killed one's rest goes.

        Raises WrongState where an altered layer is in use.
        """
        if all(self._is_whole(layer.name) for layer in layers):
            return
        # Nobody else here shall run a host's sudo, which is none of this machine's.
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(progress):
            _sweep(self.folder)
            for number, layer in enumerate(layers):
                if not self._is_whole(layer.name):
                    self._discard(self.path(layer.name))
                    progress("", _("building image layer {name}", name=layer.title))
                    self._build(layer, layers[:number])

    @contextmanager
    def _locked(self, progress: Progress) -> Iterator[None]:
        lock = FileLock(self.folder / ".lock")
        with suppress(Timeout):
            lock.acquire(blocking=False)
        if not lock.is_locked:
            progress("", _("waiting for another labctl, which builds the image"))
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def ensure_again(self, names: tuple[str, ...], progress: Progress) -> None:
        """The same for layers that a lab was made on.

        Raises WrongState where one that is not whole is of another recipe than today's.
        """
        if all(self._is_whole(name) for name in names):
            return
        layers = self.layers(PACKAGE_SETS)[: len(names)]
        if tuple(layer.name for layer in layers) != names:
            raise WrongState(
                _("an image layer that the lab was made on is missing or was altered"),
                cause=", ".join(str(self.path(n)) for n in names if not self._is_whole(n)),
                hint=commands("labctl destroy", "labctl up"),
            )
        self.ensure(layers, progress)

    def look_at(self, names: tuple[str, ...]) -> None:
        """Reads the layers' seals ahead of `ensure_again`, which then need not."""
        for name in names:
            self._is_whole(name)

    def _is_whole(self, name: str) -> bool:
        if name not in self._seen_whole and is_sealed(self.path(name)):
            self._seen_whole.add(name)
        return name in self._seen_whole

    def _discard(self, layer: Path) -> None:
        """Removes a layer that is not whole, and those that were built on it."""
        spoilt = [each for each in (*built_on(layer), layer) if each.exists()]
        for each in spoilt:
            hosts = standing_on(each)
            if hosts:
                raise WrongState(
                    _("the image layer {name} was altered while hosts run on it", name=layer.name),
                    cause=", ".join(hosts),
                    hint=commands(
                        "labctl down --name NAME",
                        text=_("stop the lab of those hosts, then type the same command again"),
                    ),
                )
        for each in spoilt:
            self._seen_whole.discard(each.name)
            break_seal(each)
            # From now on a killed labctl leaves only what the next one sweeps.
            each.replace(self.folder / f".build-old-{each.name}")
        _sweep(self.folder)

    def _os_inputs(self) -> object:
        certificates = [path.read_text(errors="replace") for path in self._apt.certificates]
        conf = self._apt.conf(machine=self._machine)
        return [
            _RECIPE, _OS_PACKAGES, _CUSTOMIZE, self._edition.admin,
            self._apt.suite, self._apt.sources, conf, certificates,
        ]  # fmt: skip

    def _build(self, layer: Layer, below: tuple[Layer, ...]) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < _NEEDED_BYTES:
            raise MachineLacks(
                _("the disk is too full for the base image"),
                cause=f"{self.folder}: {free // 1024**2} MiB < {_NEEDED_BYTES // 1024**2} MiB",
                hint=_("free some space, or set XDG_CACHE_HOME to a larger disk"),
            )
        work = self.folder / f".build-{layer.name}"
        log = self.folder / f"{layer.title}.log"
        log.unlink(missing_ok=True)
        try:
            with self._ended_by_a_full_disk():
                root = self._add(layer, below, work, log) if below else self._bootstrap(work, log)
            unmount_below(work)
            path = self.path(layer.name)
            seal(root, path, tuple(each.name for each in below))
            root.replace(path)
        except CommandFailed as error:
            raise _build_error(error, log) from error
        finally:
            self._cgroup.kill()
            unmount_below(work)
            shutil.rmtree(work, ignore_errors=True)

    @contextmanager
    def _ended_by_a_full_disk(self) -> Iterator[None]:
        """apt waits for ever where its lists are checked on a disk without space."""
        done = Event()

        def watch() -> None:
            while not done.wait(1):
                if shutil.disk_usage(self.folder).free < _FULL_BYTES:
                    self._cgroup.kill()
                    return

        watcher = Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _bootstrap(self, work: Path, log: Path) -> Path:
        root = work / "root"
        work.mkdir(parents=True)
        (work / "sources.list").write_text(self._apt.sources_list)
        (work / "90lab").write_text(self._conf_in_image())
        (work / "90lab").chmod(0o644)
        copies = [shell_line(["copy-in", str(work / "90lab"), "/etc/apt/apt.conf.d"])]
        if self._apt.certificates:
            paths = [str(path) for path in self._apt.certificates]
            copies.append(shell_line(["copy-in", *paths, "/usr/local/share/ca-certificates"]))
        argv = [
            "mmdebstrap", "--variant=apt", "--mode=root", "--format=directory",
            "--skip=cleanup/apt/lists", "--dpkgopt=force-unsafe-io",
            "--aptopt=APT::Install-Recommends \"false\"",
            '--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::GzipIndexes "true"',
            *(f'--aptopt={name} "{value}"' for name, value in PATIENCE),
            *(f"--aptopt={line}" for line in self._apt.conf().splitlines()),
            f"--include={_OS_PACKAGES}",
            *(f"--customize-hook={line}" for line in copies),
            '--customize-hook=chroot "$1" update-ca-certificates',
            '--customize-hook=chroot "$1" '
            + shell_line(["sh", "-euc", _CUSTOMIZE, "sh", self._edition.admin]),
            "--customize-hook=rm -f \"$1\"/etc/apt/apt.conf.d/99mmdebstrap",
            self._apt.suite, str(root), str(work / "sources.list"),
        ]  # fmt: skip
        run(self._cgroup.entering(argv), log=log)
        # A change of owner takes the capabilities of ping away; its package gives them again.
        self._run_inside(root, ["dpkg-reconfigure", "iputils-ping"], log, *users.SHIFTING)
        return root

    def _conf_in_image(self) -> str:
        return (
            'Acquire::Languages "none";\nAcquire::GzipIndexes "true";\n'
            'APT::Install-Recommends "false";\n' + self._apt.conf(machine=self._machine)
        )

    def _add(self, layer: Layer, below: tuple[Layer, ...], work: Path, log: Path) -> Path:
        upper, root = work / "upper", work / "root"
        upper.mkdir(parents=True)
        # It becomes the hosts' own /, whatever this person's umask.
        upper.chmod(0o755)
        users.give(upper)
        mount_overlay(root, [self.path(each.name) for each in reversed(below)], upper, work / "w")
        packages = self._edition.packages_for(_FAMILY).sets[layer.title]
        script = (
            'printf "%s" "$1" | debconf-set-selections; after=$2; shift 2; '
            'apt-get "$@"; exec sh -euc "$after"'
        )
        install = [
            "sh", "-euc", script, "sh", _PRESEED, _WITHOUT_MAIN_CF,
            "install", "-y", "-o", "Dpkg::Options::=--force-unsafe-io",
            *(f"-o{name}={value}" for name, value in PATIENCE),
            *(f"-o{name}={value}" for name, value in self._machine_proxies()), *packages,
        ]  # fmt: skip
        self._run_inside(root, install, log, "--resolv-conf=bind-host", *users.OPTIONS)
        for trace in ("etc/resolv.conf", "var/log/apt", "var/cache/apt/archives"):
            _remove(upper / trace)
        return upper

    def _run_inside(self, root: Path, command: list[str], log: Path, *options: str) -> None:
        argv = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2",
            "--console=pipe", "--link-journal=no", "--timezone=off", "--hostname=lab",
            f"--machine={self._cgroup.name}", f"--directory={root}", *options,
            "--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=LC_ALL=C.UTF-8", "--", *command,
        ]  # fmt: skip
        run(self._cgroup.entering(argv), log=log)

    def _machine_proxies(self) -> list[tuple[str, str]]:
        """While building, the loopback of this machine is the container's own."""
        return [(f"Acquire::{scheme}::Proxy", url) for scheme, url in self._apt.proxies]


def sweep_if_idle(folder: Path) -> None:
    """Ends and removes what a killed build left, unless another labctl is building now."""
    if not folder.exists():
        return
    with suppress(Timeout), FileLock(folder / ".lock", blocking=False):
        _sweep(folder)


def _sweep(folder: Path) -> None:
    image_cgroup(folder).kill()
    for leftover in folder.glob(".build-*"):
        unmount_below(leftover)
        shutil.rmtree(leftover, ignore_errors=True)


def image_cgroup(folder: Path) -> Cgroup:
    """The processes that build an image into the folder."""
    return Cgroup(f"labctl-image-{_digest(str(folder))[:8]}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:12]


def _build_error(error: CommandFailed, log: Path) -> LabError:
    # The log lies on the same disk: it may say nothing of it.
    full = shutil.disk_usage(log.parent).free < _FULL_BYTES
    if full or "No space left on device" in error.output:
        return MachineLacks(
            _("the disk is too full for the base image"),
            cause=str(log.parent),
            hint=_("free some space, or set XDG_CACHE_HOME to a larger disk"),
        )
    # apt says on further lines of an error which hashes it had expected, and the like.
    said = [line for line in error.output.splitlines() if line.startswith("E: ")]
    return LabError(
        _("the base image could not be built"),
        cause="\n".join(said[-_TOLD:]) or error.cause,
        hint=_(
            "is the package mirror reachable? try: apt-get update; the whole log: {log}", log=log
        ),
    )
