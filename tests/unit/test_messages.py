"""Every message exists in Japanese with the same fields, and in the compiled catalog."""

from __future__ import annotations

import ast
import gettext
import string
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from labctl import i18n
from labctl.i18n import N_, _

ROOT = Path(__file__).parents[2]
LOCALE = ROOT / "labctl" / "locale"
# The same as in babel.cfg.
METHODS = [("**.py", "python"), ("**.html.j2", "jinja2")]


@cache
def in_sources() -> dict[str, str]:
    """Each message of the two packages, with a file that contains it."""
    found = {}
    for package in ("labctl", "provision"):
        for name, _line, message, _comments, _context in extract_from_dir(ROOT / package, METHODS):
            assert isinstance(message, str), f"{name}: plural forms are not used"
            found[message] = f"{package}/{name}"
    return found


@cache
def catalog() -> Catalog:
    with (LOCALE / "ja" / "LC_MESSAGES" / "labctl.po").open("rb") as text:
        return read_po(text, locale="ja")


def fields(text: str) -> set[tuple[str, str]]:
    """The names in braces with their format, for example `seconds` with `.1f`."""
    return {(name, spec or "") for _t, name, spec, _c in string.Formatter().parse(text) if name}


def said_by(path: Path) -> set[str]:
    """All constant messages in the code of a file, wherever the call is."""
    calls = (
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("_", "N_")
    )
    first = (call.args[0] for call in calls)
    return {str(word.value) for word in first if isinstance(word, ast.Constant)}


def test_no_message_hides_in_an_f_string() -> None:
    """Babel does not read f-strings before Python 3.12."""
    sources = [*(ROOT / "labctl").rglob("*.py"), *(ROOT / "provision").rglob("*.py")]
    said = {message for path in sources for message in said_by(path)}
    assert said - set(in_sources()) == set()


def test_sources_have_messages() -> None:
    assert len(in_sources()) > 400


@pytest.mark.parametrize("message", sorted(in_sources()))
def test_every_message_has_its_japanese(message: str) -> None:
    entry = catalog().get(message)
    assert entry is not None and entry.string, f"make messages, then translate: {message}"
    assert not entry.fuzzy
    assert fields(message) == fields(str(entry.string))


def test_no_translation_is_left_of_a_message_that_is_gone() -> None:
    translated = {str(entry.id) for entry in catalog() if entry.id}
    assert translated - set(in_sources()) == set()
    assert not catalog().obsolete


def test_the_built_catalog_is_that_of_the_sources() -> None:
    built = gettext.translation("labctl", localedir=LOCALE, languages=["ja"])
    entries = [(str(entry.id), entry.string) for entry in catalog() if entry.id]
    stale = [message for message, japanese in entries if built.gettext(message) != japanese]
    assert not stale, "make messages builds it"


def test_a_message_is_said_in_the_language_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_LANG", "ja")
    assert _("the lab {name} was removed", name="a") == "ラボ a を削除しました"
    monkeypatch.setenv("LABCTL_LANG", "en")
    assert _("the lab {name} was removed", name="a") == "the lab a was removed"


def test_a_marked_message_is_said_later(monkeypatch: pytest.MonkeyPatch) -> None:
    marked = N_("running")
    assert marked == "running"
    monkeypatch.setenv("LABCTL_LANG", "ja")
    assert _(marked) == "動作中"


def test_an_unknown_language_is_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_LANG", "de")
    assert i18n.language() == "en"
