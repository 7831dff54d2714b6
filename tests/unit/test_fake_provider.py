"""The provider in memory keeps the contract that the real ones keep."""

from __future__ import annotations

import pytest

from labctl.home import lab_home
from labctl.lab import load_lab
from tests.contract.provider_contract import Bench, ProviderContract
from tests.fakes.provider import FakeProvider, World


class TestFakeProvider(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        world = World()

        def open_provider() -> FakeProvider:
            return FakeProvider(load_lab("contract"), lab_home("contract"), world)

        def half_build() -> None:
            world.end_after(2)
            with pytest.raises(KeyboardInterrupt):
                open_provider().create()
            world.end_after(None)

        return Bench(open_provider, world.connect, half_build)
