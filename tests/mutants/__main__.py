"""Mutants by mutmut, in a copy of the tree: make them, run the unit tests on each, count.

`python -m tests.mutants` goes on where the last run ended, and tests again what changed since.
With names (`labctl.engine*`) only those mutants are tested. `--report` only counts.
`--sample COUNT SEED` tests that many mutants of all modules, drawn at random. With names, that
many for each name. `--children COUNT` sets how many mutants are tested at the same time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatch
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
    """Remove what mutmut has to make or copy again.

    That is what a killed run left half written, and every file that is not a mutated module:
    mutmut copies none that is there, so scripts and data of an earlier version would stay.
    """
    for path in [each for name in TREE for each in (COPY / "mutants" / name).rglob("*.*")]:
        module = COPY / path.relative_to(COPY / "mutants").with_name(_module(path.name))
        if path.is_file() and not (module.suffix == ".py" and module.exists()):
            path.unlink()
    for meta in (COPY / "mutants").rglob("*.py.meta"):
        module = meta.with_suffix("")
        try:
            json.loads(meta.read_text(encoding="utf-8"))
            compile(module.read_text(encoding="utf-8"), str(module), "exec")
        except (OSError, ValueError, SyntaxError):
            meta.unlink()
            module.unlink(missing_ok=True)


def _module(name: str) -> str:
    """The module that a file of mutmut is about: `x.py` for `x.py.meta`."""
    before, dot, _after = name.partition(".py")
    return f"{before}{dot}"


def results() -> dict[str, dict[str, int | None]]:
    """The exit code of each mutant, by module. None is a mutant that was not tested."""
    return {
        str(meta.relative_to(COPY / "mutants")).removesuffix(".meta"): json.loads(
            meta.read_text(encoding="utf-8")
        )["exit_code_by_key"]
        for meta in sorted((COPY / "mutants").rglob("*.py.meta"))
    }


def drawn(
    mutants: Collection[str], count: int, seed: int, names: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Mutants drawn at random for each of the names.

    Args:
        mutants: Names of all mutants.
        count: Number of mutants for each name; all, if there are fewer.
        seed: The same seed draws the same mutants.
        names: Patterns as a shell has them, for example `labctl.mailtest*`. By default all mutants
            under the name "all".
    """
    draw = Random(seed)
    found = {}
    for name in names or ("*",):
        those = sorted(mutant for mutant in mutants if fnmatch(mutant, name))
        found["all" if name == "*" else name] = draw.sample(those, min(count, len(those)))
    return found


def make() -> list[str]:
    """Make the mutants without a test. Returns their names."""
    subprocess.run([sys.executable, "-c", _MAKE], cwd=COPY, check=True)
    return [name for codes in results().values() for name in codes]


def report(samples: dict[str, list[str]] | None = None) -> None:
    """Print survived / tested for each module, the worst last, then for each sample and for all.

    Args:
        samples: The mutants to count, by the name of their sample. By default all mutants.
    """
    modules = results()
    every = {name: code for codes in modules.values() for name, code in codes.items()}
    only = every if samples is None else {name for names in samples.values() for name in names}
    rows = [
        (module, _counted(code for name, code in codes.items() if name in only))
        for module, codes in modules.items()
    ]
    rows.sort(key=lambda row: _share(row[1]))
    for sample, names in (samples or {}).items():
        rows.append((sample, _counted(every[name] for name in names)))
    if "all" not in (samples or {}):
        rows.append(("all", _counted(every[name] for name in only)))
    for name, counted in rows:
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
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--sample", nargs=2, type=int, metavar=("COUNT", "SEED"))
    parser.add_argument("--children", default="2")
    asked = parser.parse_args(words)
    if asked.report:
        report()
        return 0
    prepare()
    mend()
    samples = None
    if asked.sample:
        count, seed = asked.sample
        samples = drawn(make(), count, seed, asked.names)
    chosen = (
        asked.names if samples is None else [each for names in samples.values() for each in names]
    )
    status = _mutmut("run", "--max-children", asked.children, *chosen)
    report(samples)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
