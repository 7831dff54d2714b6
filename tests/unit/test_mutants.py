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
    (tmp_path / "labctl").mkdir()
    files = {
        "good": ("a = 1\n", "{}"), "text": ("a = (\n", "{}"), "notes": ("a = 1\n", "{"),
    }  # fmt: skip
    for name, (module, notes) in files.items():
        (folder / f"{name}.py").write_text(module)
        (folder / f"{name}.py.meta").write_text(notes)
        (tmp_path / "labctl" / f"{name}.py").write_text("a = 1\n")
    whole.mend()
    assert sorted(each.name for each in folder.iterdir()) == ["good.py", "good.py.meta"]


def test_scripts_and_modules_of_an_earlier_version_do_not_stay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(whole, "COPY", tmp_path)
    kept = {"provision/step.py", "provision/step.py.meta", "tests/test_step.py"}
    gone = {"provision/old.py", "provision/old.py.meta", "provision/scripts/say.sh", "tests/x.yaml"}
    for name in (*kept, *gone):
        path = tmp_path / "mutants" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    for name in ("provision/step.py", "provision/scripts/say.sh", "tests/test_step.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    whole.mend()
    found = (tmp_path / "mutants").rglob("*.*")
    assert {path.relative_to(tmp_path / "mutants").as_posix() for path in found} == kept


def test_a_sample_draws_from_each_name_alone() -> None:
    mutants = [
        f"labctl.{package}.x_f__mutmut_{n}" for package in ("reset", "engine") for n in range(50)
    ]
    found = whole.drawn(mutants, 20, 7, ["labctl.engine*", "labctl.reset*"])
    assert list(found) == ["labctl.engine*", "labctl.reset*"]
    for name, names in found.items():
        assert len(set(names)) == 20
        assert all(each.startswith(name.rstrip("*")) for each in names)


def test_a_sample_is_the_same_for_the_same_seed_only() -> None:
    mutants = {f"labctl.reset.x_f__mutmut_{n}" for n in range(500)}
    assert whole.drawn(mutants, 20, 7) == whole.drawn(sorted(mutants, reverse=True), 20, 7)
    assert whole.drawn(mutants, 20, 7) != whole.drawn(mutants, 20, 8)


def test_a_sample_of_few_mutants_is_all_of_them() -> None:
    assert sorted(whole.drawn(["a", "b"], 20, 7)["all"]) == ["a", "b"]


def test_a_report_counts_each_sample_and_mutants_that_no_test_reached(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = {
        "labctl/engine.py": {"engine_1": 1, "engine_2": 0, "engine_3": 33, "engine_4": None},
        "labctl/reset.py": {"reset_1": 1, "reset_2": 1, "reset_3": 0},
    }
    monkeypatch.setattr(whole, "results", lambda: codes)
    whole.report({"engine": ["engine_1", "engine_2", "engine_3", "engine_4"], "reset": ["reset_1"]})
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "0 / 1 0% labctl/reset.py",
        "2 / 3 67% labctl/engine.py, 1 not tested",
        "2 / 3 67% engine, 1 not tested",
        "0 / 1 0% reset",
        "2 / 4 50% all, 1 not tested",
    ]
