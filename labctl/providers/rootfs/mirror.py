"""The option `mirror`, for every provider that builds the recipe."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from labctl.i18n import _


def _mirror(value: str) -> str:
    """A package mirror's address: it becomes a word of a sources.list and a firewall's port."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(_("an address like http://mirror.example/debian"))
    if not re.fullmatch(r"[!-~]+", value) or set(value) & set("\"'`\\[]#<>"):
        raise ValueError(_("printable ASCII without quotes, brackets and #"))
    return value


Mirror = Annotated[str, AfterValidator(_mirror)]
