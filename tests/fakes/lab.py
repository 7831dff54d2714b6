"""A lab in memory: a real session over a provider, hosts and steps that need no machine.

The steps have the names, checkpoints and packages of the real ones. Each writes one file, and
its check looks at that file.
"""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from labctl import manifest
from labctl.home import LabHome, lab_home
from labctl.lab import Lab
from labctl.managed import ManagedFile
from labctl.providers import registry
from labctl.results import Change, Finding
from labctl.session import Session, open_session
from provision.step import Step, Target
from provision.steps import STEPS
from tests.fakes.host import FakeHost, Reply
from tests.fakes.provider import FakeProvider, World

HOSTS = ("host1", "host2")


@dataclass
class MemoryLab:
    """A lab and what happened to it. `said` is what the progress callback was told."""

    name: str = "default"
    world: World = field(default_factory=World)
    said: list[tuple[str, str]] = field(default_factory=list)

    @property
    def home(self) -> LabHome:
        return lab_home(self.name)

    def session(self) -> Session:
        """The lab as each labctl process opens it."""
        return open_session(self.name, provider="fake")

    def progress(self, host: str, message: str) -> None:
        self.said.append((host, message))

    def checkpoints(self) -> list[str]:
        return list(self.world.checkpoints)

    def steps_on(self, host: str) -> list[str]:
        """The steps whose file is on the host."""
        files = self.world.hosts[host].files
        return [step.name for step in STEPS if path_of(step.name) in files]

    def break_step(self, step: str, host: str) -> None:
        """Remove what the step wrote."""
        del self.world.hosts[host].files[path_of(step)]


class Opened(FakeProvider):
    """What the registry finds: the provider of the test's own world."""

    world = World()

    def __init__(self, lab: Lab, home: LabHome) -> None:
        super().__init__(lab, home, self.world)


def memory_lab(monkeypatch: pytest.MonkeyPatch, name: str = "default") -> MemoryLab:
    """A lab that is not made yet. It has the provider `fake` and the steps until the test ends."""
    lab = MemoryLab(name)
    lab.world.set_up = _answer_manifest
    monkeypatch.setattr(Opened, "world", lab.world)
    monkeypatch.setitem(registry._PROVIDERS, "fake", f"{__name__}:Opened")
    monkeypatch.setattr("labctl.remote.Remote", lab.world.connect)
    monkeypatch.setattr("provision.steps.STEPS", STEPS_IN_MEMORY)
    return lab


def path_of(step: str) -> str:
    return f"/etc/book/{step}"


def _apply(step: str, target: Target) -> Sequence[Change]:
    return target.install([ManagedFile(path_of(step), f"{step} of {target.host.name}\n")])


def _check(step: str, target: Target) -> Sequence[Finding]:
    there = target.remote.run(["cat", path_of(step)], check=False)
    return [Finding(f"{step}.file", there.ok, f"the file of {step}", solution=path_of(step))]


# Each as it is in the book, but for what it does on a host.
STEPS_IN_MEMORY: tuple[Step, ...] = tuple(
    replace(
        step,
        apply=partial(_apply, step.name),
        check=partial(_check, step.name),
        opens_mailbox=False,
        tried=False,
        files=lambda _scene: (),
    )
    for step in STEPS
)


def _answer_manifest(host: FakeHost) -> None:
    host.says("manifest-dpkg.sh")
    host.says("logger")
    host.when(str(manifest._TAKE), answer=lambda _ran: Reply(_manifest(host)))


def _manifest(host: FakeHost) -> str:
    """What the host's own script says: its files, as labctl.manifest.parse reads them."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as opened:
        for path, file in host.files.items():
            content = file.content.encode()
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), file.mode
            entry.uname, entry.gname = file.owner, file.group
            opened.addfile(entry, io.BytesIO(content))
    return f"files\t{base64.b64encode(archive.getvalue()).decode()}\n"
