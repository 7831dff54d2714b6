"""`labctl report` writes a page and says where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.engine import bring_up
from tests.fakes.lab import memory_lab
from tests.unit.cli.program import labctl
from tests.unit.report.sample import facts


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a report about a lab in memory that runs."""
    lab = memory_lab(monkeypatch)
    bring_up(lab.session(), lab.progress, "os")
    monkeypatch.setattr("labctl.report.facts.gather", lambda *_args: facts())
    return tmp_path / "lab.html"


def test_the_file_of_the_report_is_told(page: Path) -> None:
    assert str(page) in labctl("report", str(page), code=0).out
    assert "<html" in page.read_text(encoding="utf-8")


def test_json_of_a_report_is_one_document(page: Path) -> None:
    ended = labctl("report", str(page), "--json", code=0)
    assert (ended.json["command"], ended.json["data"]) == ("report", {"file": str(page)})
    assert ended.err == ""
    assert page.exists()
