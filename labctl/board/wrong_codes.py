"""How often an address may send a wrong code, so that nobody can try all of them."""

from __future__ import annotations

import time
from collections import deque

from labctl.board.networks import network_of

# Wrong codes of one address in a minute. A classroom may have one address for all.
_MOST_WRONG = 20
_MOST_ADDRESSES = 10_000


class WrongCodes:
    """Counts the wrong codes of each address in the last minute."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def may_try(self, address: str) -> bool:
        """Whether this address may send a code. Each address is counted by itself."""
        seen = self._seen.get(network_of(address), deque())
        _forget(seen)
        return len(seen) < _MOST_WRONG

    def add(self, address: str) -> None:
        if len(self._seen) >= _MOST_ADDRESSES:
            for seen in self._seen.values():
                _forget(seen)
            self._seen = {each: seen for each, seen in self._seen.items() if seen}
        self._seen.setdefault(network_of(address), deque()).append(time.monotonic())


def _forget(seen: deque[float]) -> None:
    while seen and seen[0] < time.monotonic() - 60:
        seen.popleft()
