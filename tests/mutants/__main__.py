"""Mutants by mutmut, in a copy of the tree: make them, run the unit tests on each, count.

`python -m tests.mutants` goes on where the last run ended, and tests again what changed since.
With names (`labctl.engine*`) only those mutants are tested. `--report` only counts.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPY = ROOT / "build" / "mutants" / "tree"
TREE = ("labctl", "provision", "templates", "tests", "Vagrantfile")
# Exit codes as mutmut keeps them. A mutant that no test reaches survives, too.
_SURVIVED = (0, 5, 33)
_NOT_TESTED = (None, 2)


def prepare() -> None:
    """Bring the copy up to date. What mutmut knows of the mutants stays."""
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.rmtree(COPY / name, ignore_errors=True)
            shutil.copytree(
                ROOT / name, COPY / name, ignore=shutil.ignore_patterns("__pycache__", ".git")
            )
        else:
            COPY.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)
    settings = (ROOT / "tests" / "mutants" / "mutmut.toml").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (COPY / "pyproject.toml").write_text(project + settings, encoding="utf-8")


def report() -> None:
    """Print survived / total for each module, the worst last, and for all."""
    rows = []
    for meta in sorted((COPY / "mutants").rglob("*.py.meta")):
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].values()
        name = str(meta.relative_to(COPY / "mutants")).removesuffix(".meta")
        rows.append((name, _counted(codes)))
    rows.sort(key=lambda row: _share(row[1]))
    total: Counter[str] = sum((counted for _name, counted in rows), Counter())
    for name, counted in [*rows, ("all", total)]:
        if counted.total():
            tested = counted["survived"] + counted["killed"]
            left = f", {counted['not tested']} not tested" if counted["not tested"] else ""
            print(f"{counted['survived']:5} / {tested:<5} {_share(counted):4.0%}  {name}{left}")


def _counted(codes: Iterable[int | None]) -> Counter[str]:
    return Counter(
        "survived" if code in _SURVIVED else "not tested" if code in _NOT_TESTED else "killed"
        for code in codes
    )


def _share(counted: Counter[str]) -> float:
    tested = counted["survived"] + counted["killed"]
    return counted["survived"] / tested if tested else 0.0


def main(words: list[str]) -> int:
    status = 0
    if "--report" not in words:
        prepare()
        mutmut = Path(sys.executable).with_name("mutmut")
        status = subprocess.run(
            [mutmut, "run", "--max-children", "2", *words], cwd=COPY, check=False
        ).returncode
    report()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
