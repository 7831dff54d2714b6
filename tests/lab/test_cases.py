"""Changes that people make, each graded as it is: the one finding of what is broken, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.lab.program import labctl, on_host

CASES = yaml.safe_load((Path(__file__).parent / "data/cases.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_change_is_graded_as_what_it_does(ready: str, case: dict[str, str]) -> None:
    on_host("host1", f"set -e\n{case['script']}")
    finds = [case["finds"]] if "finds" in case else []
    wrong = labctl("check", "--json", code=int(bool(finds))).wrong
    assert [each["code"] for each in wrong] == finds, wrong
