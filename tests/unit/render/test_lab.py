"""What `labctl up` suggests next, in the names of the lab's own edition."""

from __future__ import annotations

import pytest

from labctl.edition_files import load_edition
from labctl.engine import UpResult
from labctl.lab import Lab
from labctl.render.lab import print_picture


def own_lab() -> Lab:
    edition = load_edition("ubuntu")
    first, second = edition.hosts
    hosts = (first.model_copy(update={"name": "alpha", "account": "taro"}), second)
    return Lab(name="default", edition=edition.model_copy(update={"hosts": hosts}))


@pytest.mark.parametrize(
    ("is_whole", "shell"),
    [(True, "a shell on alpha (then: sudo -iu taro)"), (False, "a shell on alpha")],
)
def test_the_suggested_shell_is_on_a_host_that_the_lab_has(
    is_whole: bool, shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    complete = "ready" if is_whole else "dns"
    result = UpResult("default", "nspawn", "", complete, True, True, (), (), 0.0, is_whole)
    print_picture(own_lab(), result)
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if "labctl ssh" in line]
    assert "labctl ssh alpha " in line
    assert line.rstrip().endswith(shell)
    assert "host1" not in shown
