"""Builds one layer of the base image, in a folder of its own that the cache then takes over.

The processes of a build are in a control group of their own, so that a build that fails, or
whose labctl was killed, leaves nothing running.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from labctl.errors import CommandFailed, LabError, MachineLacks
from labctl.hint import Hint, commands
from labctl.home import write_atomically
from labctl.i18n import _
from labctl.machine import ThisMachine
from labctl.providers.rootfs import users
from labctl.providers.rootfs.apt import PATIENCE, proxy_conf
from labctl.providers.rootfs.cgroup import Cgroup
from labctl.providers.rootfs.mounts import mount_overlay, unmount_below
from labctl.providers.rootfs.recipe import CUSTOMIZE, INSTALL, OS_PACKAGES, Layer, Recipe, digest
from labctl.quote import shell_line
from labctl.run import run

_PROGRAMS = ("systemd-nspawn", "mmdebstrap")
_NEEDED_BYTES = 2 * 1024**3
# The number of apt's errors that are shown. The log has all of them.
_SHOWN = 6
# The name of the file with the settings for apt while it builds.
_APT_CONF = "labctl-apt.conf"
_FULL_BYTES = 16 * 1024**2


class Builder:
    """Builds layers of a recipe in `folder`, which is the image cache."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._folder = folder
        self._recipe = recipe
        self._cgroup = image_cgroup(folder)

    @contextmanager
    def build(self, layer: Layer, below: Sequence[Path]) -> Iterator[Path]:
        """Build a layer on the layers `below`, from the bottom up.

        The caller takes the folder that is given to it; what is left of the build goes afterwards.

        Raises:
            MachineLacks: The disk is too full.
            LabError: apt or mmdebstrap failed; the cause has apt's own errors.
        """
        self._ensure_space()
        work = self._folder / f".build-{layer.name}"
        log = self._folder / f"{layer.title}.log"
        log.unlink(missing_ok=True)
        try:
            with self._ended_by_a_full_disk():
                root = self._add(layer, below, work, log) if below else self._bootstrap(work, log)
            unmount_below(work)
            yield root
        except CommandFailed as error:
            raise _build_error(error, log) from error
        finally:
            self._cgroup.kill()
            unmount_below(work)
            shutil.rmtree(work, ignore_errors=True)

    def _ensure_space(self) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < _NEEDED_BYTES:
            raise _full(f"{self._folder}: {free // 1024**2} MiB < {_NEEDED_BYTES // 1024**2} MiB")

    @contextmanager
    def _ended_by_a_full_disk(self) -> Iterator[None]:
        """End the build if the disk is full: apt would wait for ever while it checks its lists."""
        done = Event()

        def watch() -> None:
            while not done.wait(1):
                if shutil.disk_usage(self._folder).free < _FULL_BYTES:
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
        (work / "sources.list").write_text(self._recipe.apt.sources_list)
        (work / "90lab").write_text(self._recipe.apt_conf())
        (work / "90lab").chmod(0o644)
        copies = [shell_line(["copy-in", str(work / "90lab"), "/etc/apt/apt.conf.d"])]
        if self._recipe.apt.certificates:
            paths = [str(path) for path in self._recipe.apt.certificates]
            copies.append(shell_line(["copy-in", *paths, "/usr/local/share/ca-certificates"]))
        argv = [
            "mmdebstrap", "--variant=apt", "--mode=root", "--format=directory",
            "--skip=cleanup/apt/lists", "--dpkgopt=force-unsafe-io",
            "--aptopt=APT::Install-Recommends \"false\"",
            '--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::GzipIndexes "true"',
            f"--aptopt={work / _APT_CONF}",
            f"--include={OS_PACKAGES}",
            *(f"--customize-hook={line}" for line in copies),
            '--customize-hook=chroot "$1" update-ca-certificates',
            '--customize-hook=chroot "$1" '
            + shell_line(["sh", "-euc", CUSTOMIZE.text, "sh", self._recipe.edition.admin]),
            "--customize-hook=rm -f \"$1\"/etc/apt/apt.conf.d/99mmdebstrap",
            self._recipe.apt.suite, str(root), str(work / "sources.list"),
        ]  # fmt: skip
        with _apt_conf(work, self._recipe.apt.conf()):
            run(self._cgroup.entering(argv), log=log)
        # A change of owner takes the capabilities of ping away; its package gives them again.
        self._run_inside(root, ["dpkg-reconfigure", "iputils-ping"], log, *users.SHIFTING)
        return root

    def _add(self, layer: Layer, below: Sequence[Path], work: Path, log: Path) -> Path:
        upper, root = work / "upper", work / "root"
        upper.mkdir(parents=True)
        # It becomes the hosts' own /, whatever this user's umask is.
        upper.chmod(0o755)
        users.give(upper)
        mount_overlay(root, list(reversed(below)), upper, work / "w")
        install = [
            "sh", "-euc", INSTALL.text, "sh", "-o", "Dpkg::Options::=--force-unsafe-io",
            f"--config-file=/run/{_APT_CONF}", *self._recipe.packages(layer.title),
        ]  # fmt: skip
        # While building, the loopback of this machine is the container's own.
        with _apt_conf(work, proxy_conf(self._recipe.apt.proxies)) as conf:
            users.give(conf)
            self._run_inside(
                root, install, log,
                "--resolv-conf=bind-host", f"--bind-ro={conf}:/run/{_APT_CONF}", *users.OPTIONS,
            )  # fmt: skip
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


@contextmanager
def _apt_conf(work: Path, text: str) -> Iterator[Path]:
    """A file with the settings of one build: a proxy's password must not be on a command line."""
    path = work / _APT_CONF
    patience = "".join(f'{name} "{value}";\n' for name, value in PATIENCE)
    write_atomically(path, patience + text, mode=0o600)
    try:
        yield path
    finally:
        path.unlink()


def can_build() -> bool:
    """Whether this machine can build the recipe: Linux, root and the two programs."""
    if sys.platform != "linux":
        return False
    machine = ThisMachine()
    return machine.is_root and all(machine.program(name) for name in _PROGRAMS)


def image_cgroup(folder: Path) -> Cgroup:
    """The processes that build an image into the folder."""
    return Cgroup(f"labctl-image-{digest(str(folder))[:8]}")


def sweep(folder: Path) -> None:
    """End and remove what a killed build left in the image cache."""
    image_cgroup(folder).kill()
    for leftover in folder.glob(".build-*"):
        unmount_below(leftover)
        shutil.rmtree(leftover, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _full(cause: str) -> MachineLacks:
    return MachineLacks(
        _("the disk is too full for the base image"),
        cause=cause,
        hint=Hint(_("free some space, or set XDG_CACHE_HOME to a larger disk")),
    )


def _build_error(error: CommandFailed, log: Path) -> LabError:
    # The log is on the same disk and may not have the reason.
    full = shutil.disk_usage(log.parent).free < _FULL_BYTES
    if full or "No space left on device" in error.output:
        return _full(str(log.parent))
    # Further lines of an apt error give details such as the expected hashes.
    errors = [line for line in error.output.splitlines() if line.startswith("E: ")]
    return LabError(
        _("the base image could not be built"),
        cause="\n".join(errors[-_SHOWN:]) or error.cause,
        hint=commands(
            "apt-get update",
            text=_("is the package mirror reachable? The whole log: {log}", log=log),
        ),
    )
