"""The embedded provider and its hosts keep the contracts that the fakes of the unit tests keep."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.providers.nspawn import NspawnProvider
from labctl.providers.nspawn.store import LayerStore
from labctl.remote import Remote
from tests.contract.host_contract import HostBench, HostContract
from tests.contract.provider_contract import Bench, ProviderContract
from tests.lab.program import labctl

NAME = "contract"


def open_provider() -> NspawnProvider:
    return NspawnProvider(load_lab(NAME), lab_home(NAME))


@pytest.fixture(scope="module", autouse=True)
def _place() -> Iterator[None]:
    """Keep the lab's addresses free during the tests."""
    labctl("down", code=None)
    open_provider().destroy()
    yield
    open_provider().destroy()


class Killed(BaseException):
    """Stands for SIGKILL: `except Exception` does not catch it."""


class TestNspawnProvider(ProviderContract):
    @pytest.fixture
    def bench(self, monkeypatch: pytest.MonkeyPatch) -> Bench:
        return Bench(open_provider, Remote, partial(_half_build, monkeypatch))


def _half_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill `create` before its last step, the file that says that there is a lab."""

    def killed(*_args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(LayerStore, "write", killed)
        with pytest.raises(Killed):
            open_provider().create()


def _start() -> None:
    open_provider().start()


class TestNspawnHost(HostContract):
    @pytest.fixture
    def bench(self) -> HostBench:
        open_provider().create()
        open_provider().start()
        return HostBench(
            connect=partial(Remote, open_provider().endpoints()["host1"]),
            stop=partial(open_provider().cut_power, ["host1"]),
            start=_start,
        )
