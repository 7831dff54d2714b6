"""Translation of all messages for users, in Japanese and English.

The English text is the key, as usual with gettext. Values are inserted after translation, so a
translation may reorder them. What is translated stays data (`Message`): the board shows one
message to people of both languages.
"""

from __future__ import annotations

import gettext
import locale
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LANGUAGES = ("ja", "en")
_chosen: str | None = None
_preferred: str | None = None
_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)


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


@dataclass(frozen=True)
class _Said:
    """What a message is made of. `many` is the text for all numbers but 1."""

    one: str
    values: Mapping[str, object]
    many: str = ""
    number: int = 1

    def in_language(self, lang: str) -> str:
        catalog = _catalog(lang)
        if self.many:
            text = catalog.ngettext(self.one, self.many, self.number)
        else:
            text = catalog.gettext(self.one)
        if not self.values:
            return text
        return text.format(**{name: _value(value, lang) for name, value in self.values.items()})


def _value(value: object, lang: str) -> object:
    return in_language(value, lang) if isinstance(value, str) else value


class Message(str):
    """A text for users in one language, and the data to say it in another.

    A value in it may itself be a message.
    """

    said: _Said


def _(message: str, /, **values: object) -> str:
    """Translate a message and insert `values` into its `{fields}`."""
    return _made(_Said(message, values))


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """Translate a message that depends on a number, and insert it as `count`, and `values`.

    Args:
        one: The English message for 1.
        many: The one for all other numbers.
    """
    return _made(_Said(one, {"count": number, **values}, many, number))


def _made(said: _Said) -> Message:
    message = Message(said.in_language(language()))
    message.said = said
    return message


def in_every_language(text: str) -> dict[str, str]:
    """A text by language. One that is no message, or that was put together, is the same in all."""
    return {lang: in_language(text, lang) for lang in LANGUAGES}


def in_language(text: str, lang: str) -> str:
    """A text in `ja` or `en`."""
    return text.said.in_language(lang) if isinstance(text, Message) else text


def N_(message: str, /) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a message for translation that is stored as data. `_` translates it later."""
    return message
