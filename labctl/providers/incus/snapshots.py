"""The snapshots of a lab's instances: the files of its checkpoints.

A checkpoint is one snapshot of the same name on every host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from labctl.parallel import on_each
from labctl.providers.incus.client import Incus
from labctl.providers.incus.refusals import NotThere

# Only labctl's own snapshots are ever removed.
_SNAPSHOT = "labctl-"


def snapshot_name(checkpoint: str, unique: str) -> str:
    return f"{_SNAPSHOT}{checkpoint}-{unique}"


class Snapshots:
    """The snapshots of the instances called `names` in the client's project."""

    def __init__(self, incus: Incus, names: Sequence[str]) -> None:
        self._incus = incus
        self._names = tuple(names)

    def take(self, snapshot: str) -> None:
        on_each(
            self._names,
            lambda name: self._incus.send(
                "POST", "instances", name, "snapshots", data={"name": snapshot}, timeout=300
            ),
        )

    def restore(self, snapshot: str) -> None:
        """Put the stopped instances back, with their limits and devices of then."""
        on_each(
            self._names,
            lambda name: self._incus.send(
                "PUT", "instances", name, data={"restore": snapshot}, timeout=300
            ),
        )

    def sizes(self) -> Mapping[str, int]:
        """Bytes that each snapshot alone takes, all hosts together; 0 if Incus does not know."""
        sizes: dict[str, int] = {}
        for found in on_each(self._names, self._snapshots):
            for each in found:
                sizes[each["name"]] = sizes.get(each["name"], 0) + max(0, each.get("size") or 0)
        return sizes

    def sweep(self, kept: Iterable[str]) -> None:
        """Remove labctl's own snapshots but these."""
        wanted = set(kept)

        def clean(name: str) -> None:
            for each in self._snapshots(name):
                if each["name"].startswith(_SNAPSHOT) and each["name"] not in wanted:
                    with suppress(NotThere):
                        self._incus.send(
                            "DELETE", "instances", name, "snapshots", each["name"], timeout=300
                        )

        on_each(self._names, clean)

    def take_again(self, snapshot: str) -> None:
        """Replace a snapshot of stopped instances by one of their present state."""
        on_each(
            self._names,
            lambda name: self._incus.send(
                "DELETE", "instances", name, "snapshots", snapshot, timeout=300
            ),
        )
        self.take(snapshot)

    def missing(self, snapshot: str) -> list[str]:
        """The hosts that do not have a snapshot."""
        found = on_each(self._names, self._snapshots)
        return [
            name
            for name, there in zip(self._names, found, strict=True)
            if snapshot not in {each["name"] for each in there}
        ]

    def _snapshots(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._incus.get(
            "instances", name, "snapshots", query={"recursion": "1"}
        )
        return found
