"""Every message exists in Japanese with the same fields, and in the compiled catalog."""

from __future__ import annotations

import ast
import gettext
import re
import string
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from labctl import i18n
from labctl.i18n import N_, _, ngettext

ROOT = Path(__file__).parents[2]
LOCALE = ROOT / "labctl" / "locale"
# The same as in babel.cfg.
METHODS = [("**.py", "python"), ("**.html.j2", "jinja2")]


@cache
def in_sources() -> dict[str, str]:
    """Each message of the two packages (a plural is two), with a file that contains it."""
    return {
        form: f"{package}/{name}"
        for package in ("labctl", "provision")
        for name, _line, message, _comments, _context in extract_from_dir(ROOT / package, METHODS)
        for form in forms(message)
    }


def forms(message: str | Sequence[str] | None) -> tuple[str, ...]:
    """A message or its translation as a tuple, with all forms of a plural."""
    return (message,) if isinstance(message, str) else tuple(message or ())


@cache
def translations() -> dict[str, Message]:
    """The entries of the catalog by each form of their messages."""
    return {form: entry for entry in catalog() if entry.id for form in forms(entry.id)}


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
        and node.func.id in ("_", "N_", "ngettext")
    )
    words = (word for call in calls for word in call.args)
    return {
        word.value
        for word in words
        if isinstance(word, ast.Constant) and isinstance(word.value, str)
    }


def test_no_message_hides_in_an_f_string() -> None:
    """Babel does not read f-strings before Python 3.12."""
    sources = [*(ROOT / "labctl").rglob("*.py"), *(ROOT / "provision").rglob("*.py")]
    said = {message for path in sources for message in said_by(path)}
    assert said - set(in_sources()) == set()


def test_sources_have_messages() -> None:
    assert len(in_sources()) > 400


def test_every_message_has_its_japanese() -> None:
    # One test: a test for each message is 1,600 tests that take ten times as long.
    wrong = {message: fault for message in in_sources() if (fault := fault_of(message))}
    assert not wrong, "\n".join(f"{fault}: {message}" for message, fault in wrong.items())


def fault_of(message: str) -> str:
    """What is wrong with the translation of a message, or ""."""
    entry = translations().get(message)
    japanese = forms(entry.string) if entry is not None else ()
    if not japanese or not all(japanese):
        return "make messages, then translate"
    if entry is not None and entry.fuzzy:
        return "only a guess"
    if any(fields(message) != fields(each) for each in japanese):
        return "other fields in Japanese"
    return ""


@pytest.mark.parametrize(
    ("japanese", "flags", "fault"),
    [
        ("{name} は停止", (), ""),
        ("", (), "make messages, then translate"),
        (("{name} は停止", ""), (), "make messages, then translate"),
        ("{name} は停止", ("fuzzy",), "only a guess"),
        ("停止", (), "other fields in Japanese"),
        ("{name:.1f} は停止", (), "other fields in Japanese"),
    ],
)
def test_a_wrong_translation_is_found(
    monkeypatch: pytest.MonkeyPatch,
    japanese: str | tuple[str, ...],
    flags: Sequence[str],
    fault: str,
) -> None:
    entry = Message("{name} stopped", japanese, flags=flags)
    monkeypatch.setitem(translations(), "{name} stopped", entry)
    assert fault_of("{name} stopped") == fault


def test_a_message_without_a_translation_is_found() -> None:
    assert fault_of("this is no message") == "make messages, then translate"


def test_no_translation_is_left_of_a_message_that_is_gone() -> None:
    assert set(translations()) - set(in_sources()) == set()
    assert not catalog().obsolete


def translated(built: gettext.NullTranslations, entry: Message) -> tuple[str, ...]:
    one, *many = forms(entry.id)
    return (built.ngettext(one, many[0], 2) if many else built.gettext(one),)


def test_the_built_catalog_is_that_of_the_sources() -> None:
    built = gettext.translation("labctl", localedir=LOCALE, languages=["ja"])
    stale = [
        message
        for message, entry in translations().items()
        if translated(built, entry) != forms(entry.string)
    ]
    assert not stale, "make messages builds it"


def test_a_message_is_said_in_the_language_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_LANG", "ja")
    assert _("the lab {name} was removed", name="a") == "ラボ a を削除しました"
    monkeypatch.setenv("LABCTL_LANG", "en")
    assert _("the lab {name} was removed", name="a") == "the lab a was removed"


@pytest.mark.parametrize(
    ("lang", "count", "text"),
    [
        ("en", 1, "1 seat is on m2"),
        ("en", 2, "2 seats are on m2"),
        ("en", 0, "0 seats are on m2"),
        ("ja", 1, "1 席が m2 にあります"),
        ("ja", 2, "2 席が m2 にあります"),
    ],
)
def test_a_message_depends_on_its_number(
    monkeypatch: pytest.MonkeyPatch, lang: str, count: int, text: str
) -> None:
    monkeypatch.setenv("LABCTL_LANG", lang)
    one, many = "{count} seat is on {member}", "{count} seats are on {member}"
    assert ngettext(one, many, count, member="m2") == text


# The number before one of these may be 1, so the message has to be a plural.
COUNTED = "seats|hosts|labs|members|messages|checks"


def test_no_message_has_a_plural_behind_a_number_that_may_be_one() -> None:
    plurals = {form for entry in catalog() if len(forms(entry.id)) == 2 for form in entry.id}
    counted = re.compile(rf"(?<!all )\{{(count|total|seats|labs)\}} (more )?({COUNTED})\b")
    single = [message for message in in_sources() if message not in plurals]
    assert [message for message in single if counted.search(message)] == []


def test_a_marked_message_is_said_later(monkeypatch: pytest.MonkeyPatch) -> None:
    marked = N_("running")
    assert marked == "running"
    monkeypatch.setenv("LABCTL_LANG", "ja")
    assert _(marked) == "動作中"


def test_an_unknown_language_is_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_LANG", "de")
    assert i18n.language() == "en"
