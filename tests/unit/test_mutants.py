"""The list of known mutants fits the source: what it replaces is there, and so are its tests."""

from __future__ import annotations

import pytest

from tests.mutants.known import ROOT, Mutant, mutants


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_a_known_mutant_fits_the_source(mutant: Mutant) -> None:
    assert mutant.fits(), f"{mutant.file} has not: {mutant.before}"
    assert mutant.after != mutant.before
    assert mutant.tests
    assert all((ROOT / test).is_file() for test in mutant.tests)
