"""The bare work that is part of a labctl command, done without labctl."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from labctl.dial import inside
from labctl.lab import load_lab
from labctl.providers.rootfs.apt import machine_setup
from labctl.providers.rootfs.recipe import OS_PACKAGES
from labctl.session import open_session
from tests.bench.labs import (
    NAME,
    await_smtp,
    finish,
    groups,
    home,
    hosts,
    init_pids,
    labctl,
    nspawn_command,
    root,
    start,
)

_MAIL_SCRIPT = Path(__file__).parent / "mail" / "floor.sh"


def bare_image(folder: Path) -> None:
    """Run mmdebstrap once with the packages of all image layers."""
    apt = machine_setup()
    packages = chain.from_iterable(load_lab(NAME).edition.packages_for("debian").sets.values())
    sources = folder / "bare.list"
    sources.write_text(apt.sources_list)
    settings = folder / "bare.conf"
    settings.write_text(apt.conf())
    argv = [
        "mmdebstrap", "--variant=apt", "--mode=root", "--format=directory", "--quiet",
        "--dpkgopt=force-unsafe-io", '--aptopt=APT::Install-Recommends "false"',
        f"--aptopt={settings}",
        f"--include={OS_PACKAGES},{','.join(packages)}",
        apt.suite, str(folder / "bare"), str(sources),
    ]  # fmt: skip
    finish(start(argv))


def bare_boot() -> float:
    """Seconds from the start of systemd-nspawn to the SMTP greeting of both hosts.

    Uses labctl's command lines and layers with an empty top layer, as after a reset. Stopping
    and mounting are not counted. Leaves the lab stopped.
    """
    found = groups()
    before = init_pids()
    netns = next(iter(open_session(NAME).provider.endpoints().values())).netns
    commands = {name: nspawn_command(group) for name, group in found.items()}
    lower = {host.name: _mount_option(root(host), "lowerdir") for host in hosts()}
    # Also removes the interfaces, without which the names would be taken for a moment.
    open_session(NAME).provider.cut_power(list(found))
    with tempfile.TemporaryDirectory(prefix="bare-", dir=home().state) as folder:
        try:
            for host in hosts():
                _remount(root(host), lower[host.name], Path(folder) / host.name)
            begun = time.monotonic()
            for name, group in found.items():
                subprocess.Popen(
                    # nspawn adds a link to the bridge of the lab's own network.
                    group.entering(inside(netns, commands[name])),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            await_smtp(found, before)
            seconds = time.monotonic() - begun
        finally:
            for group in found.values():
                group.kill()
            for host in hosts():
                _umount(root(host))
    return seconds


def _remount(target: Path, lower: str, folder: Path) -> None:
    _umount(target)
    for name in ("upper", "work"):
        (folder / name).mkdir(parents=True)
    (folder / "upper").chmod(0o755)
    options = f"lowerdir={lower},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    finish(start(["mount", "-t", "overlay", "bare", "-o", options, str(target)]))


def _umount(target: Path) -> None:
    # Processes of the host may hold the mount for a moment after the host has ended.
    for _try in range(200):
        if not _is_mounted(target):
            return
        subprocess.run(["umount", str(target)], capture_output=True, check=False)
        time.sleep(0.02)
    raise SystemExit(f"{target} stays mounted")


def _is_mounted(target: Path) -> bool:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split(" ")[4] == str(target) for line in lines)


def _mount_option(target: Path, name: str) -> str:
    """An option of the mount at a folder, as mountinfo shows it (proc(5))."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if line.split(" ")[4] == str(target):
            options = line.rsplit(" ", 1)[1].split(",")
            return next(each.partition("=")[2] for each in options if each.startswith(f"{name}="))
    raise SystemExit(f"{target} is not mounted")


def bare_mail(ssh: dict[str, list[str]], letters: str) -> Callable[[], None]:
    """Run the mail test with one shell script on each host, over an open connection.

    With `letters` "six": a message in each direction, an answer to each, and one to oneself on
    each host, as in `labctl test-mail`. With "two": a message in each direction. `mail` reads
    each message.
    """

    def run() -> None:
        token = f"bench.{secrets.token_hex(8)}"
        first, second = hosts()
        running = []
        for host, peer in ((first, second), (second, first)):
            script = f"sh -eus {letters} {token} {peer.mailbox} {host.mailbox}"
            words = [*ssh[host.name], f"runuser -l {host.account} -c '{script}'"]
            running.append(start(words, stdin=_MAIL_SCRIPT))
        for process in running:
            finish(process)

    return run


def empty_boxes(ssh: dict[str, list[str]]) -> None:
    """Remove the mail of the bare mail test. labctl's own test leaves none."""
    for host in hosts():
        finish(start([*ssh[host.name], f"rm -f /var/mail/{host.account} ~{host.account}/mbox"]))


def cold(folder: Path) -> tuple[Callable[[], object], Callable[[], object], Callable[[], object]]:
    """The first `up` with an empty cache, the bare image, and the clean-up of both."""
    cache = folder / "cache"

    def clear() -> None:
        labctl("destroy", "--yes", cache=cache)
        shutil.rmtree(cache, ignore_errors=True)
        shutil.rmtree(folder / "bare", ignore_errors=True)

    return (lambda: labctl("up", cache=cache)), (lambda: bare_image(folder)), clear
