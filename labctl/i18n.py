"""Translation of all messages for users, in Japanese and English.

The English text is the key, as usual with gettext. Values are inserted after translation, so a
translation may reorder them.
"""

from __future__ import annotations

import gettext
import locale
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from threading import Lock

LANGUAGES = ("ja", "en")
# Finds a message in a catalog.
_Find = Callable[[gettext.NullTranslations], str]
_chosen: str | None = None
_preferred: str | None = None
_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)
# How many messages a process remembers that has to show them in every language.
_MOST_REMEMBERED = 20_000
_remembered: OrderedDict[str, Mapping[str, str]] | None = None
_remembering = Lock()


def choose_language(lang: str | None) -> None:
    """Set the language of this process (`ja` or `en`). None means the environment decides."""
    global _chosen  # noqa: PLW0603 - one process speaks one language
    _chosen = lang


def prefer_language(lang: str | None) -> None:
    """Set the language of the lab file. It overrides the locale but not the user's own choice."""
    global _preferred  # noqa: PLW0603 - as above
    _preferred = lang


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Translate to `lang` within the block, in this thread or task only."""
    before = _spoken.set(lang)
    try:
        yield
    finally:
        _spoken.reset(before)


def language() -> str:
    """The chosen language, or LABCTL_LANG, the lab file's, the locale's, or `en`."""
    wanted = (
        _spoken.get()
        or _chosen
        or os.environ.get("LABCTL_LANG")
        or _preferred
        or _locale_language()
    )
    return wanted if wanted in LANGUAGES else "en"


def _locale_language() -> str:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return value[:2].lower()
    return (locale.getlocale()[0] or "en")[:2].lower()


@cache
def _catalog(lang: str) -> gettext.NullTranslations:
    return gettext.translation(
        "labctl", localedir=Path(__file__).parent / "locale", languages=[lang], fallback=True
    )


def _(message: str, /, **values: object) -> str:
    """Translate a message and insert `values` into its `{fields}`."""
    return _say(lambda catalog: catalog.gettext(message), values)


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """Translate a message that depends on a number, and insert `count` and `values`.

    Args:
        one: The English message for 1.
        many: The one for all other numbers.
    """
    return _say(lambda catalog: catalog.ngettext(one, many, count), {"count": count, **values})


def remember_translations() -> None:
    """Let `in_every_language` know the messages that this process makes from now on."""
    global _remembered  # noqa: PLW0603 - one process remembers or does not
    _remembered = OrderedDict()


def in_every_language(text: str) -> dict[str, str]:
    """A message that this process made, by language.

    A text that is no message, or that was put together from several, is the same in all.
    """
    with _remembering:
        found = _remembered.get(text) if _remembered is not None else None
    return dict(found) if found is not None else dict.fromkeys(LANGUAGES, text)


def _say(find: _Find, values: Mapping[str, object]) -> str:
    text = _filled(language(), find, values)
    if _remembered is not None:
        _remember(text, find, values)
    return text


def _filled(lang: str, find: _Find, values: Mapping[str, object]) -> str:
    text = find(_catalog(lang))
    return text.format(**values) if values else text


def _remember(text: str, find: _Find, values: Mapping[str, object]) -> None:
    # A value may itself be a message.
    known = {name: in_every_language(str(value)) for name, value in values.items()}
    said = {
        lang: _filled(
            lang,
            find,
            {
                name: known[name][lang] if isinstance(value, str) else value
                for name, value in values.items()
            },
        )
        for lang in LANGUAGES
    }
    with _remembering:
        if _remembered is not None:
            _remembered[text] = said
            if len(_remembered) > _MOST_REMEMBERED:
                _remembered.popitem(last=False)


def N_(message: str, /) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a message for translation that is stored as data. `_` translates it later."""
    return message
