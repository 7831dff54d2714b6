"""The report is one file that needs no other file and runs no script."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from labctl import i18n
from labctl.managed import Deviation, ManagedFile
from labctl.report.facts import deviations_in
from labctl.report.page import page
from tests.unit.report.sample import NASTY, facts


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


@pytest.fixture(params=i18n.LANGUAGES)
def html(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(i18n, "_chosen", request.param)
    return page(facts())


def test_nothing_is_fetched_and_nothing_runs(html: str) -> None:
    reader = _Reader()
    reader.feed(html)
    assert not {"script", "link", "img", "iframe", "object"} & set(reader.tags)
    names = {name for name, _value in reader.attributes}
    assert not {"src", "href", "style"} & names
    assert not any(name.startswith("on") for name in names)
    assert "url(" not in html and "@import" not in html


def test_what_a_student_wrote_is_text(html: str) -> None:
    assert NASTY not in html
    assert "&lt;script&gt;alert(1)" in html


def test_each_message_is_drawn_and_every_picture_has_a_title(html: str) -> None:
    assert html.count("<svg") == 1 + len(facts().ways)
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        assert 'role="img"' in svg and "<title id=" in svg


def test_failures_are_told_not_only_coloured(html: str) -> None:
    assert html.count("✗") >= 4
    assert "localhost</code> ≠ <code>$mydomain" in html


def test_the_page_says_its_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "ja")
    assert '<html lang="ja">' in page(facts())


def test_without_a_mail_test_it_says_how_to_run_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")
    html = page(replace(facts(), test=None, ways=()))
    assert "labctl test-mail" in html
    assert html.count("<svg") == 1


def test_deviations_are_those_of_the_files_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    no_nis = Deviation(en="no NIS.", ja="NIS は使わない。")
    files = [ManagedFile(path, "x\n", deviations=(no_nis,)) for path in ("/etc/a", "/etc/b")]
    monkeypatch.setattr(i18n, "_chosen", "en")
    assert [(d.path, d.text) for d in deviations_in(files)] == [("/etc/a", "no NIS.")]
    monkeypatch.setattr(i18n, "_chosen", "ja")
    assert [d.text for d in deviations_in(files)] == ["NIS は使わない。"]
