"""The report of a real run, read by a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lab.browser import audit, chromium
from tests.lab.program import labctl


@pytest.fixture(scope="module", params=["en", "ja"])
def page(
    ready_once: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    labctl("test-mail", "--client")
    labctl("report", str(path), lang=request.param)
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_accessible_and_fits_the_window(page: Path, dark: bool, tmp_path: Path) -> None:
    found = audit(page, dark=dark, work=tmp_path)
    assert found["dark"] is dark
    assert found["violations"] == []
    assert found["passes"] > 20
    assert not found["wide"]


def test_the_audit_sees_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<html><body><p style="color:#ddd">too pale to read</p><img src="x"></body></html>'
    )
    violations = " ".join(audit(bad, dark=False, work=tmp_path)["violations"])
    assert "image-alt" in violations and "color-contrast" in violations


def test_it_tells_each_message_section_and_version(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert html.count("<svg") == 1 + 4
    assert "テストメール from user1" in html
    assert html.count("main.cfの設定") == 2
    assert re.search(r"<code>3\.\d+\.\d+", html)
    assert "✗" not in html


def test_it_prints_on_a4(page: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    chromium(page, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", pdf.read_bytes())
    assert boxes
    assert {(round(float(wide)), round(float(high))) for wide, high in boxes} <= {
        (595, 842),
        (596, 842),
    }


def test_a_file_that_cannot_be_written(ready_once: str) -> None:
    assert "cannot be written" in labctl("report", "/proc/none/report.html", code=2).err
