"""BIND's settings as `named-checkconf -p` prints them, and whom its lists of addresses let in.

A list is tried from the start, and the first element that fits decides (BIND 9 Administrator
Reference Manual, "Address Match Lists").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_network

_WORD = re.compile(r'"[^"]*"|[{};]|[^\s{};"]+')
# A list may name another one; BIND refuses a circle.
_DEPTH = 10


@dataclass(frozen=True)
class Statement:
    """One statement, such as `allow-query { any; };`: its words, and those of its block."""

    words: tuple[str, ...]
    body: tuple[Statement, ...] = ()

    def within(self, name: str) -> Statement | None:
        """The last statement of this name in the block."""
        return next(reversed(self.all_within(name)), None)

    def all_within(self, name: str) -> tuple[Statement, ...]:
        """The statements of this name in the block."""
        return tuple(each for each in self.body if each.words[:1] == (name,))

    def zone(self, domain: str) -> Statement | None:
        """The zone of the domain in the block of a view, or of the whole configuration."""
        zones = self.all_within("zone")
        return next((each for each in zones if each.words[1].rstrip(".").lower() == domain), None)

    @property
    def _named(self) -> str:
        return " ".join(self.words).replace("! ", "!")

    @property
    def text(self) -> str:
        """The statement on one line."""
        if not self.body:
            return f"{self._named};"
        return " ".join([self._named, "{", *(each.text for each in self.body), "};"])


def parsed(lines: Sequence[str]) -> Statement:
    """The whole configuration as one block."""
    return Statement((), _block(iter([w for line in lines for w in _WORD.findall(line)])))


def _block(words: Iterator[str]) -> tuple[Statement, ...]:
    """The statements up to the end of the block."""
    found: list[Statement] = []
    own: list[str] = []
    body: tuple[Statement, ...] = ()
    for word in words:
        if word == "{":
            body = _block(words)
        elif word == "}":
            break
        elif word == ";":
            if own or body:
                found.append(Statement(tuple(own), body))
            own, body = [], ()
        else:
            own.append(word.strip('"'))
    return tuple(found)


def who_may_ask(
    settings: Statement, domain: str, view: Statement | None = None
) -> Statement | None:
    """The list of those who may ask for the zone: its own, else its view's, else that of all."""
    block, options = view or settings, settings.within("options")
    places = (block.zone(domain), block, options)
    found = (place.within("allow-query") for place in places if place)
    return next(filter(None, found), None)


@dataclass(frozen=True)
class Lists:
    """The lists of addresses in a configuration, on a server with the address `own`."""

    own: IPv4Address
    network: IPv4Network
    named: Mapping[str, Sequence[Statement]]

    def admits(self, body: Sequence[Statement], address: IPv4Address) -> bool:
        """Whether a list lets the address in. One that says nothing of it does not."""
        return self._decides(body, address, _DEPTH) is True

    def _decides(self, body: Sequence[Statement], address: IPv4Address, depth: int) -> bool | None:
        for element in body:
            words = [word for word in element.words if word != "!"]
            name = words[0].removeprefix("!") if words else ""
            is_denied = "".join(element.words).startswith("!")
            inner = element.body or self.named.get(name, ())
            if inner and depth:
                fits = self._decides(inner, address, depth - 1)
            else:
                fits = self._fits(name, address) or None
            if fits is not None:
                return fits != is_denied
        return None

    def _fits(self, name: str, address: IPv4Address) -> bool:
        if name in ("any", "none"):
            return name == "any"
        if name == "localhost":
            return address == self.own or address.is_loopback
        if name == "localnets":
            return address in self.network or address.is_loopback
        try:
            return address in ip_network(name, strict=False)
        except ValueError:
            return False


def lists(settings: Statement, own: IPv4Address, network: IPv4Network) -> Lists:
    """The lists that the configuration names with `acl`."""
    named = {each.words[1]: each.body for each in settings.all_within("acl")}
    return Lists(own, network, named)
