"""Every guarantee in the documentation names an existing test."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from tests.unit.pages import ROOT, Page

PAGES = [Page(ROOT / "docs" / "explanation" / f"promises.{ending}") for ending in ("md", "ja.md")]
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_promise_names_a_test_that_is_there(page: Page) -> None:
    lines = [*page.text.splitlines(), ""]
    heads = {line for line, below in pairwise(lines) if below.startswith("|---")}
    rows = [line for line in lines if line.startswith("| ") and line not in heads]
    assert rows
    for row in rows:
        found = _TEST.findall(row)
        assert found, row
        for file, name in found:
            source = (ROOT / file).read_text(encoding="utf-8")
            assert re.search(rf"^def {name}\(", source, re.MULTILINE), f"{file}::{name}"


def test_both_languages_promise_the_same() -> None:
    english, japanese = (_TEST.findall(page.text) for page in PAGES)
    assert english == japanese
