"""Mutants by mutmut, in a copy of the tree: make them, run the unit tests on each, count.

`python -m tests.mutants` goes on where the last run ended, and tests again what changed since.
With names (`labctl.engine*`) only those mutants are tested. `--report` only counts.
`--sample COUNT SEED` tests so many mutants of all modules, drawn at random.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
COPY = ROOT / "build" / "mutants" / "tree"
TREE = ("labctl", "provision", "templates", "tests", "Vagrantfile")
# Exit codes as mutmut keeps them. A mutant that no test reaches survives, too.
_SURVIVED = (0, 5, 33)
_NOT_TESTED = (None, 2)
# Make the mutants without a test, as `mutmut run` begins. mutmut has no command for it.
_MAKE = """
from pathlib import Path
from mutmut import __main__ as mutmut
Path("mutants").mkdir(exist_ok=True)
mutmut.set_mutant_under_test("mutant_generation")
mutmut.copy_src_dir()
mutmut.copy_also_copy_files()
mutmut.setup_source_paths()
mutmut.store_lines_covered_by_tests()
mutmut.create_mutants(2)
"""


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


def mend() -> None:
    """Remove what a killed run left half written, so that mutmut makes it again."""
    for meta in (COPY / "mutants").rglob("*.py.meta"):
        module = meta.with_suffix("")
        try:
            json.loads(meta.read_text(encoding="utf-8"))
            compile(module.read_text(encoding="utf-8"), str(module), "exec")
        except (OSError, ValueError, SyntaxError):
            meta.unlink()
            module.unlink(missing_ok=True)


def results() -> dict[str, dict[str, int | None]]:
    """The exit code of each mutant, by module. None is a mutant that was not tested."""
    return {
        str(meta.relative_to(COPY / "mutants")).removesuffix(".meta"): json.loads(
            meta.read_text(encoding="utf-8")
        )["exit_code_by_key"]
        for meta in sorted((COPY / "mutants").rglob("*.py.meta"))
    }


def sample(count: int, seed: int) -> list[str]:
    """Names of mutants of all modules, drawn at random."""
    subprocess.run([sys.executable, "-c", _MAKE], cwd=COPY, check=True)
    names = sorted(name for codes in results().values() for name in codes)
    return Random(seed).sample(names, min(count, len(names)))


def report(only: Collection[str] = ()) -> None:
    """Print survived / tested for each module, the worst last, and for all.

    Args:
        only: Names of mutants to count. By default all.
    """
    rows = []
    for module, codes in results().items():
        chosen = [code for name, code in codes.items() if not only or name in only]
        rows.append((module, _counted(chosen)))
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


def _mutmut(*words: str) -> int:
    program = Path(sys.executable).with_name("mutmut")
    return subprocess.run([program, *words], cwd=COPY, check=False).returncode


def main(words: list[str]) -> int:
    if "--report" in words:
        report()
        return 0
    prepare()
    mend()
    drawn: list[str] = []
    if words[:1] == ["--sample"]:
        drawn = sample(int(words[1]), int(words[2]))
    status = _mutmut("run", "--max-children", "2", *(drawn or words))
    report(drawn)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
