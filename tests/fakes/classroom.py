"""A class whose labs are in memory: a world for each lab, and what happened in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from labctl.classroom.roll import Roll, Seat, class_folder, write_roll
from labctl.endpoint import Endpoint
from labctl.home import LabHome
from labctl.lab import Lab
from labctl.providers import registry
from tests.fakes.host import FakeRemote
from tests.fakes.lab import STEPS_IN_MEMORY, _answer_manifest
from tests.fakes.provider import FakeProvider, World


def _world() -> World:
    return World(set_up=_answer_manifest)


@dataclass
class MemoryClass:
    """A class of labs in memory. `worlds` are by the name of the lab."""

    roll: Roll
    worlds: dict[str, World] = field(default_factory=lambda: defaultdict(_world))

    def world(self, seat: int) -> World:
        return self.worlds[self.roll.seat(seat).lab_name]

    def connect(self, endpoint: Endpoint) -> FakeRemote:
        """Stand in for `Remote`; the key's path tells the lab."""
        return self.worlds[endpoint.key.parent.parent.name].connect(endpoint)


class InClass(FakeProvider):
    """What the registry finds: the provider in the world of its lab."""

    find: Callable[[str], World]

    def __init__(self, lab: Lab, home: LabHome) -> None:
        super().__init__(lab, home, type(self).find(home.name))


def memory_class(
    monkeypatch: pytest.MonkeyPatch, seats: int = 3, until: str | None = "dns"
) -> MemoryClass:
    """A class that is not up yet. Its labs have the provider `fake` until the test ends."""
    folder = class_folder("mail")
    places = tuple(Seat("mail", each) for each in range(1, seats + 1))
    roll = Roll("mail", places, until, folder / "labctl.toml")
    made = MemoryClass(roll)
    monkeypatch.setattr(
        InClass, "find", staticmethod(lambda name: made.worlds[name]), raising=False
    )
    monkeypatch.setitem(registry._PROVIDERS, "fake", f"{__name__}:InClass")
    monkeypatch.setattr("labctl.remote.Remote", made.connect)
    monkeypatch.setattr("provision.steps.STEPS", STEPS_IN_MEMORY)
    write_roll(roll)
    roll.lab_file.write_text('provider = "fake"\n', encoding="utf-8")
    return made
