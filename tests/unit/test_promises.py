"""Every guarantee in the documentation names a test that CI runs and that can fail."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from tests.unit.pages import ROOT, Page

PAGES = [Page(ROOT / "docs" / "explanation" / f"promises.{ending}") for ending in ("md", "ja.md")]
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_PYTEST = re.compile(r"\bpytest (?P<folder>tests/\w+)(?P<options>(?:[^;'|{\n]|'[^']*')*)")


def promised() -> list[tuple[str, str]]:
    """The tests that the page names: file and function."""
    return list(dict.fromkeys(_TEST.findall(PAGES[0].text)))


Promised = pytest.mark.parametrize(("file", "name"), promised())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_promise_names_a_test(page: Page) -> None:
    lines = [*page.text.splitlines(), ""]
    heads = {line for line, below in pairwise(lines) if below.startswith("|---")}
    rows = [line for line in lines if line.startswith("| ") and line not in heads]
    assert rows
    for row in rows:
        assert _TEST.findall(row), row


def test_both_languages_promise_the_same() -> None:
    english, japanese = (_TEST.findall(page.text) for page in PAGES)
    assert english == japanese


# -- what a test does -----------------------------------------------------------------------


@Promised
def test_a_promised_test_can_fail(file: str, name: str) -> None:
    assert name in asserting(), f"{file}::{name} asserts nothing"


@Promised
def test_a_promised_test_is_neither_skipped_nor_expected_to_fail(file: str, name: str) -> None:
    function = functions(ROOT / file)[name]
    text = ast.unparse(function)
    assert not re.search(r"\b(skip|skipif|xfail|importorskip)\b", text), f"{file}::{name}"
    module = (ROOT / file).read_text(encoding="utf-8")
    assert not re.search(r"^pytestmark = .*(skip|xfail)", module, re.MULTILINE), file


def functions(path: Path) -> dict[str, ast.FunctionDef]:
    """The functions and methods of a module by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@cache
def asserting() -> frozenset[str]:
    """The functions of the tests that assert something, themselves or in one that they call."""
    every = [
        function for path in (ROOT / "tests").rglob("*.py") for function in functions(path).values()
    ]
    found = {function.name for function in every if any(map(_asserts, ast.walk(function)))}
    while more := {
        function.name
        for function in every
        if function.name not in found and found.intersection(_called(function))
    }:
        found |= more
    return frozenset(found)


def _asserts(node: ast.AST) -> bool:
    """Whether the node is an assertion that is not always true, or expects an error."""
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.raises"


def _called(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2]


# -- whether CI runs it ---------------------------------------------------------------------


# In one process, which imports pytest and what the suites share only once.
_COLLECT = """
import json, sys, pytest
for words in json.loads(sys.argv[1]):
    # 5: nothing is left of these files.
    if pytest.main(["--collect-only", "-q", *words]) not in (0, 5):
        sys.exit(1)
"""


def run_by_ci() -> frozenset[tuple[str, str]]:
    """The promised tests that pytest collects for the commands of .ci/run: file and function."""
    runs = []
    for folder, options in _suites():
        # Without a file, pytest would collect another suite.
        if files := sorted({file for file, _n in promised() if file.startswith(f"{folder}/")}):
            runs.append([*files, *options])
    done = subprocess.run(
        [sys.executable, "-c", _COLLECT, json.dumps(runs)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = set()
    for line in done.stdout.splitlines():
        file, _colons, test = line.partition("::")
        found.add((file, test.rpartition("::")[2].partition("[")[0]))
    return frozenset(found)


def _suites() -> set[tuple[str, tuple[str, ...]]]:
    """Folder and options of each pytest that .ci/run starts, as `make --dry-run` shows them."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if line.startswith("make ")]
    found = set()
    for command in commands:
        words = ["make", "--dry-run", *shlex.split(command)[1:]]
        shown = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for match in _PYTEST.finditer(shown):
            found.add((match["folder"], tuple(shlex.split(match["options"]))))
    return found


@pytest.mark.skipif(shutil.which("make") is None, reason="asks make what CI runs")
def test_every_promised_test_is_run_by_ci() -> None:
    assert not set(promised()) - run_by_ci()
