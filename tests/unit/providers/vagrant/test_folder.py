"""The data that the Vagrantfile reads."""

from __future__ import annotations

import pytest

from labctl.errors import WrongUsage
from labctl.lab import Lab, load_edition
from labctl.providers.options import read_options
from labctl.providers.vagrant.folder import BOOT_TIMEOUT, machines
from labctl.providers.vagrant.options import VagrantOptions

LAB = Lab(name="default", edition=load_edition("ubuntu-example"))
OPTIONS = read_options("vagrant", VagrantOptions, LAB)


def test_a_slow_computer_is_given_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machines(LAB, OPTIONS)["boot_timeout"] == 600
    monkeypatch.setenv(BOOT_TIMEOUT, "1800")
    assert machines(LAB, OPTIONS)["boot_timeout"] == 1800


@pytest.mark.parametrize("text", ["", "soon", "0", "-1", "1.5", "9" * 5000])
def test_what_is_no_number_of_seconds_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(BOOT_TIMEOUT, text)
    with pytest.raises(WrongUsage, match=BOOT_TIMEOUT) as caught:
        machines(LAB, OPTIONS)
    assert f"{BOOT_TIMEOUT}=600" in str(caught.value.hint)
