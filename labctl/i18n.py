"""Translation of all messages for users, in Japanese and English.

The English text is the key, as usual with gettext. Values are inserted after translation, so a
translation may reorder them.
"""

from __future__ import annotations

import gettext
import locale
import os
from functools import cache
from pathlib import Path

LANGUAGES = ("ja", "en")
_chosen: str | None = None
_preferred: str | None = None


def choose_language(lang: str | None) -> None:
    """Set the language of this process (`ja` or `en`). None means the environment decides."""
    global _chosen  # noqa: PLW0603 - one process speaks one language
    _chosen = lang


def prefer_language(lang: str | None) -> None:
    """Set the language of the lab file. It overrides the locale but not the user's own choice."""
    global _preferred  # noqa: PLW0603 - as above
    _preferred = lang


def language() -> str:
    """The chosen language, or LABCTL_LANG, the lab file's, the locale's, or `en`."""
    wanted = _chosen or os.environ.get("LABCTL_LANG") or _preferred or _locale_language()
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
    text = _catalog(language()).gettext(message)
    return text.format(**values) if values else text


def N_(message: str, /) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a message for translation that is stored as data. `_` translates it later."""
    return message
