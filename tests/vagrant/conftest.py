"""Real Vagrant with the test double of VBoxManage, in the tests' own network namespace.

`make test-vagrant` creates the namespace, so that the fixed addresses of the lab do not
collide with a running lab, and no packet leaves the machine.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.lab import DEFAULT_EDITION, load_edition
from labctl.run import run
from tests.vagrant.box import Box, ensure_box
from tests.vagrant.double import service
from tests.vagrant.double.guests import CONTAINER, guest
from tests.vagrant.double.registry import Behaviour, Store, Vm

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def _namespace() -> None:
    links = run(["ip", "-o", "link"]).stdout.splitlines()
    assert len(links) == 1, "these tests need a network namespace of their own: make test-vagrant"
    run(["ip", "link", "set", "lo", "up"])


@pytest.fixture(scope="module")
def box(request: pytest.FixtureRequest) -> Box:
    """The box of the kind that the module names in GUESTS; containers if it names none."""
    kind = getattr(request.module, "GUESTS", CONTAINER)
    return ensure_box(load_edition(DEFAULT_EDITION), kind)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all files of the tests. Its path is short, because it contains sockets."""
    return tmp_path_factory.mktemp("v")


@pytest.fixture(scope="session")
def vboxmanage(place: Path) -> Path:
    """The test double, as the program VBoxManage in a folder for PATH."""
    program = place / "bin" / "VBoxManage"
    program.parent.mkdir()
    program.write_text(service.program(place / "service"))
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return program


@pytest.fixture(scope="session")
def store(place: Path) -> Iterator[Store]:
    """The store of the test double. At the end, all remaining machines are stopped."""
    home = place / "virtualbox"
    home.mkdir()
    store = Store(home)
    yield store
    for vm in store.read().vms.values():
        guest(vm).stop()


@pytest.fixture(scope="session", autouse=True)
def _environment(place: Path, vboxmanage: Path, store: Store) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{vboxmanage.parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("VBOX_DOUBLE_HOME", str(store.home))
        patch.setenv("XDG_STATE_HOME", str(place / "state"))
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        patch.setenv("LC_ALL", "C.UTF-8")
        with service.running(place / "service"):
            yield


@pytest.fixture(scope="module", autouse=True)
def _box_of_the_module(box: Box) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAGRANT_HOME", str(box.home))
        yield


@pytest.fixture
def behaviour(store: Store) -> Iterator[Callable[..., None]]:
    """Sets fields of the test double's Behaviour for one test."""

    def choose(**fields: object) -> None:
        with store.change() as registry:
            registry.behaviour = replace(registry.behaviour, **fields)  # type: ignore[arg-type]

    yield choose
    with store.change() as registry:
        registry.behaviour = Behaviour()


def crash(store: Store, vm: Vm) -> None:
    """Ends a machine's process behind VirtualBox's back, as when the PC is switched off."""
    guest(vm).stop()
    with store.change() as registry:
        registry.vm(vm.uuid).crashed = True


def stop_processor(store: Store, vm: Vm) -> None:
    """Stops a machine's processor, as at an error in VirtualBox (a "guru meditation")."""
    guest(vm).pause(True)
    with store.change() as registry:
        registry.vm(vm.uuid).failed = True


@pytest.fixture
def no_virtualbox(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    _only(monkeypatch, place / "only-vagrant", ["vagrant", "ruby", "sh", "ssh", "ip"])


@pytest.fixture
def no_vagrant(monkeypatch: pytest.MonkeyPatch, vboxmanage: Path, place: Path) -> None:
    _only(monkeypatch, place / "only-virtualbox", ["sh", "ip", "ssh"])
    monkeypatch.setenv("PATH", f"{vboxmanage.parent}{os.pathsep}{os.environ['PATH']}")


def _only(monkeypatch: pytest.MonkeyPatch, folder: Path, programs: list[str]) -> None:
    """A PATH with only these programs."""
    folder.mkdir(exist_ok=True)
    for name in programs:
        found = shutil.which(name)
        link = folder / name
        if found is not None and not link.exists():
            link.symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))


def manage(*words: str) -> str:
    """Call VBoxManage directly, without labctl's knowledge."""
    done = subprocess.run(
        ["VBoxManage", *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
