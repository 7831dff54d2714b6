"""One function for every sentence a person reads, so that each exists in Japanese and English.

The English sentence is the key (gettext's way); values are put in after translation, so a
translator may reorder them.
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
    """Fixes the language (`ja` or `en`) for this process; None leaves it to the environment."""
    global _chosen  # noqa: PLW0603 - one process speaks one language
    _chosen = lang


def prefer_language(lang: str | None) -> None:
    """What a lab file asks for: goes before the locale, after what the user said himself."""
    global _preferred  # noqa: PLW0603 - as above
    _preferred = lang


def language() -> str:
    """The chosen language, else LABCTL_LANG, the lab file's, the locale's, else `en`."""
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
    """The sentence in the user's language, with `values` put into its `{fields}`."""
    text = _catalog(language()).gettext(message)
    return text.format(**values) if values else text


def N_(message: str, /) -> str:  # noqa: N802 - gettext's own name for it
    """Marks a sentence for the translators where it stands as data; `_` says it later."""
    return message
