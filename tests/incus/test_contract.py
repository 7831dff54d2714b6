"""The promises of every provider, held by Incus."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.providers.incus import IncusProvider
from labctl.remote import Remote
from tests.contract.host_contract import HostBench, HostContract
from tests.contract.provider_contract import Bench, ProviderContract
from tests.incus.daemon import Daemon
from tests.lab.program import wait_until

NAME = "contract"


class TestIncus(ProviderContract):
    @pytest.fixture
    def bench(self, daemon: Daemon, lab_file: Path) -> Bench:
        lab = load_lab(NAME, lab_file)
        home = lab_home(NAME)

        def half_build() -> None:
            """Killed as soon as the first instance is there."""
            labctl = subprocess.Popen(
                [sys.executable, "-m", "labctl", "up", "--until", "os", "--lab", str(lab_file)],
                env={**os.environ, "LABCTL_NAME": NAME},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

            def instance_there() -> bool:
                listed = daemon.incus(
                    "list", "--project", f"labctl-{NAME}", "-f", "csv", check=False
                )
                return "host1" in listed.stdout

            wait_until(instance_there, "no instance was made")
            os.killpg(labctl.pid, signal.SIGKILL)
            labctl.wait()

        return Bench(open=lambda: IncusProvider(lab, home), connect=Remote, half_build=half_build)


class TestIncusHost(HostContract):
    @pytest.fixture
    def bench(self, lab_file: Path) -> HostBench:
        lab = load_lab(NAME, lab_file)
        home = lab_home(NAME)

        def start() -> None:
            IncusProvider(lab, home).start()

        IncusProvider(lab, home).create()
        start()
        return HostBench(
            connect=lambda: Remote(IncusProvider(lab, home).endpoints()["host1"]),
            stop=lambda: IncusProvider(lab, home).cut_power(["host1"]),
            start=start,
        )


@pytest.fixture(scope="module", autouse=True)
def _end(lab_file: Path) -> Iterator[None]:
    yield
    IncusProvider(load_lab(NAME, lab_file), lab_home(NAME)).destroy()
