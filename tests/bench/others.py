"""What people would use instead of labctl, for the same result on the same hosts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.bench.labs import data, start_labctl
from tests.bench.playbook import Playbook
from tests.bench.script import Script


class Tool(Protocol):
    """A way to configure the lab: run it as often as wanted, then end it."""

    def __call__(self) -> None: ...

    def end(self) -> None: ...


# Each is made ready, unmeasured, in a folder of its own, for hosts that were just reset.
TOOLS: dict[str, Callable[[Path], Tool]] = {"Ansible": Playbook, "shell script": Script}


def judged() -> str:
    """What `labctl check` says of the lab as it is now, and what `labctl up` would change."""
    process = start_labctl("check", "--json")
    printed, said = process.communicate()
    if process.returncode not in (0, 1):
        raise SystemExit(printed + said)
    wrong = [
        f"{report['host']}: {finding['code']}"
        for report in json.loads(printed)["data"]["reports"]
        for finding in report["findings"]
        if not finding["ok"]
    ]
    changes = [
        f"{report['host']}: {change['what']}"
        for report in data("up")["reports"]
        for change in report["changes"]
    ]
    verdict = "`labctl check` passes" if not wrong else f"`labctl check` finds {', '.join(wrong)}"
    return f"{verdict}; `labctl up` changes {', '.join(changes) or 'nothing'}."
