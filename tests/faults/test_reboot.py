"""The machine reboots: the files of the lab exist, but nothing runs."""

from __future__ import annotations

import pytest

from tests.faults.kill import COMMANDS
from tests.faults.pulled import power_off
from tests.lab.program import labctl, on_host
from tests.lab.traces import Traces, changed_since


@pytest.mark.parametrize(
    "back",
    [
        "up",
        "reset",
        "destroy",
    ],
)
def test_any_command_alone_brings_the_lab_right(up: str, nothing: Traces, back: str) -> None:
    on_host("host1", "echo kept >/root/kept; sync")
    power_off()
    (host1, host2) = labctl("status", "--json", code=None).json["labs"][0]["hosts"]
    assert (host1["state"], host2["state"]) == ("stopped", "stopped")
    assert "labctl up" in labctl("test-mail", code=4).err

    labctl(*COMMANDS[back])

    if back == "destroy":
        assert changed_since(nothing) == {}
        return
    if back == "up":
        assert on_host("host1", "cat /root/kept").out == "kept\n"
    assert not labctl("up", "--json").json["changed"]
    labctl("test-mail")
