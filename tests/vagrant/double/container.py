"""Guests as containers of systemd-nspawn with systemd as their first process.

A snapshot is a copy of the files that a container changed. A container's memory cannot be saved:
"resumed" it boots, in two seconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tests.vagrant.double.registry import DoubleError, Vm

if TYPE_CHECKING:
    from labctl.providers.rootfs.cgroup import Cgroup

# A file of the box with the path of the folder tree that its containers share.
TREE = "root.path"
SECONDS = 60


def _call(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DoubleError(f"{' '.join(words)}: {done.stderr.strip()}")


class Container:
    """See tests.vagrant.double.guests.Guest."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self._upper = vm.path / "upper"
        self._root = vm.path / "merged"

    @cached_property
    def _group(self) -> Cgroup:
        # Imported when it is needed: most calls of VBoxManage only ask for something.
        from labctl.providers.rootfs.cgroup import Cgroup

        return Cgroup(f"vbox-double-{self._vm.uuid}")

    def fill(self, box: Path) -> None:
        self._prepare((box / TREE).read_text(encoding="utf-8"))

    def clone(self, master: Vm) -> None:
        self._prepare(master.backing)

    def _prepare(self, base: str) -> None:
        self._vm.backing = base
        for folder in (self._upper, self._root):
            folder.mkdir()

    def running(self) -> bool:
        return self._vm.pid != 0 and Path(f"/proc/{self._vm.pid}").exists()

    def start(self, resume_from: str) -> None:
        if resume_from:
            self.restore(resume_from)
        work = self._vm.path / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        layers = f"lowerdir={self._vm.backing},upperdir={self._upper},workdir={work}"
        _call("mount", "-t", "overlay", "overlay", "-o", layers, str(self._root))
        self._boot()
        self._forward()

    def _boot(self) -> None:
        words = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot",
            f"--machine=d{self._vm.uuid[:8]}", f"--directory={self._root}", "--console=pipe",
            "--link-journal=no", "--resolv-conf=off", "--timezone=off",
            f"--network-veth-extra={self._port}:eth1",
        ]  # fmt: skip
        with (self._vm.path / "console.log").open("wb") as log:
            subprocess.Popen(
                self._group.entering(words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._vm.pid = self._init()
        inside = ["nsenter", f"--net=/proc/{self._vm.pid}/ns/net"]
        # The NAT's card, by which nothing but the forwarded ports goes.
        _call(*inside, "ip", "link", "add", "eth0", "type", "bridge")
        _call(*inside, "ip", "address", "add", "10.0.2.15/24", "dev", "eth0")
        _call(*inside, "ip", "link", "set", "eth0", "up")
        wire = self._vm.wire()
        if wire:
            _call("ip", "link", "set", self._port, "master", wire, "up")

    @property
    def _port(self) -> str:
        return f"d{self._vm.uuid[:8]}"

    def _init(self) -> int:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            pid = self._group.init_pid()
            if pid is not None and self._wired():
                return pid
            time.sleep(0.05)
        said = (self._vm.path / "console.log").read_text(errors="replace")
        raise DoubleError(f"The virtual machine '{self._vm.name}' has terminated: {said}")

    def _wired(self) -> bool:
        show = ["ip", "link", "show", self._port]
        return subprocess.run(show, capture_output=True, check=False).returncode == 0

    def _forward(self) -> None:
        rules = self._vm.forwards.values()
        words = [sys.executable, "-m", "tests.vagrant.double.forward", str(self._vm.pid), *rules]
        with (self._vm.path / "forward.log").open("wb") as log:
            process = subprocess.Popen(
                self._group.entering(words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()

    def stop(self) -> None:
        self._group.thaw()
        self._group.kill()
        self._vm.pid = 0
        subprocess.run(["ip", "link", "delete", self._port], capture_output=True, check=False)
        while os.path.ismount(self._root):
            subprocess.run(["umount", "-l", str(self._root)], capture_output=True, check=False)

    def pause(self, on: bool) -> None:
        if on:
            self._group.freeze()
        else:
            self._group.thaw()

    def save(self, key: str) -> None:
        if self.running():
            # The page cache is this machine's: what a guest wrote is in its files.
            self._group.freeze()
        copy = self._snapshot(key)
        _call("cp", "-a", str(self._upper), str(copy))
        self._group.thaw()

    def restore(self, key: str) -> None:
        shutil.rmtree(self._upper)
        _call("cp", "-a", str(self._snapshot(key)), str(self._upper))

    def forget(self, key: str) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self._snapshot(key))

    def _snapshot(self, key: str) -> Path:
        return self._vm.path / f"snapshot-{key}"
