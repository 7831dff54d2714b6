"""What a lab file can say to the containers."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from labctl.i18n import _
from labctl.providers.options import ProviderOptions


def _mirror(value: str) -> str:
    """A package mirror's address: it becomes a word of a sources.list and a firewall's port."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(_("an address like http://mirror.example/debian"))
    if not re.fullmatch(r"[!-~]+", value) or set(value) & set("\"'`\\[]#<>"):
        raise ValueError(_("printable ASCII without quotes, brackets and #"))
    return value


class NspawnOptions(ProviderOptions):
    """`mirror` is where Debian packages come from; None for this machine's own apt sources."""

    mirror: Annotated[str, AfterValidator(_mirror)] | None = None
