"""Apply each known mutant to a copy of the tree and demand that its tests fail.

Run it as `python -m tests.mutants.known` in the top folder. The exit status is 1 if a mutant
survives, or if it no longer fits the source.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from labctl.parallel import on_each

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("known.toml")
# What a test run needs.
TREE = ("labctl", "provision", "templates", "tests", "pyproject.toml", "Vagrantfile")
AT_ONCE = 2


class Mutant(BaseModel):
    """A wrong program: in `file`, `after` stands in the place of `before`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]

    def fits(self) -> bool:
        """Whether the source has the text to replace exactly once."""
        return (ROOT / self.file).read_text(encoding="utf-8").count(self.before) == 1


def mutants() -> tuple[Mutant, ...]:
    """The list, in its order."""
    found = tomllib.loads(LIST.read_text(encoding="utf-8"))["mutant"]
    return tuple(Mutant.model_validate(each) for each in found)


def survives(mutant: Mutant | None, tests: tuple[str, ...]) -> bool:
    """Whether the tests pass on a copy of the tree with this mutant, or as it is for None."""
    with tempfile.TemporaryDirectory(prefix="labctl-mutant-") as folder:
        for name in TREE:
            if (ROOT / name).is_dir():
                shutil.copytree(
                    ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy(ROOT / name, folder)
        if mutant is not None:
            path = Path(folder) / mutant.file
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(mutant.before, mutant.after), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        # The copy is first on the module path, before an editable installation.
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"the tests do not run:\n{done.stdout.decode()}")
        return done.returncode == 0


def _judge(mutant: Mutant) -> str:
    if not mutant.fits():
        return "does not fit the source"
    return "SURVIVED" if survives(mutant, mutant.tests) else "killed"


def main() -> int:
    begun = time.monotonic()
    every = mutants()
    if not survives(None, tuple({test: None for each in every for test in each.tests})):
        print("the tests fail without any mutant")
        return 1
    failed = 0
    for start in range(0, len(every), AT_ONCE):
        some = every[start : start + AT_ONCE]
        for mutant, verdict in zip(some, on_each(some, _judge), strict=True):
            print(f"{verdict:10} {mutant.name}")
            failed += verdict != "killed"
    print(f"{len(every) - failed} of {len(every)} killed, {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
