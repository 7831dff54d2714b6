"""Other tools that produce the same result on the same hosts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.bench.labs import data, start_labctl
from tests.bench.playbook import Playbook
from tests.bench.script import Script


class Tool(Protocol):
    """A tool that configures the lab. It can run any number of times before `end`."""

    def __call__(self) -> None: ...

    def end(self) -> None: ...


# Each tool is prepared in its own folder for freshly reset hosts. This is not measured.
TOOLS: dict[str, Callable[[Path], Tool]] = {"Ansible": Playbook, "shell script": Script}


def judged() -> str:
    """The result of `labctl check` on the current lab, and what `labctl up` would change."""
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
