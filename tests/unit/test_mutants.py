"""The list of known mutants fits the source: what it replaces is there, and so are its tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import __main__ as whole
from tests.mutants.known import ROOT, Mutant, mutants


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_a_known_mutant_fits_the_source(mutant: Mutant) -> None:
    assert mutant.fits(), f"{mutant.file} has not: {mutant.before}"
    assert mutant.after != mutant.before
    assert mutant.tests
    assert all((ROOT / test).is_file() for test in mutant.tests)


def test_what_a_killed_run_left_half_written_is_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(whole, "COPY", tmp_path)
    folder = tmp_path / "mutants" / "labctl"
    folder.mkdir(parents=True)
    files = {
        "good": ("a = 1\n", "{}"), "text": ("a = (\n", "{}"), "notes": ("a = 1\n", "{"),
    }  # fmt: skip
    for name, (module, notes) in files.items():
        (folder / f"{name}.py").write_text(module)
        (folder / f"{name}.py.meta").write_text(notes)
    whole.mend()
    assert sorted(each.name for each in folder.iterdir()) == ["good.py", "good.py.meta"]
