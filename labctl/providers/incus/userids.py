"""The user ids of a lab's hosts on the server. No two instances have the same ones.

Incus does not ensure that itself for copies and for instances that are made at once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace

from labctl.errors import LabError
from labctl.i18n import _
from labctl.providers.incus.client import Incus
from labctl.providers.incus.instances import Instances, ensure_known
from labctl.providers.incus.shape import Shape

_IDS = 65_536
_FIRST_ID = 1_000_000 + _IDS
# The number of ranges that are free beside those of the instances.
_SPARE = 256
_ID_ATTEMPTS = 10


def settle_ids(incus: Incus, instances: Instances, shape: Shape) -> Shape:
    """Put the hosts in shape with user ids that no other instance on the server has.

    Incus picks ids when an instance is made. Copies have the ids of their model, and two
    instances that are made at once may get the same. Another labctl may pick at the same time,
    so the ids are read again after they are set.

    Returns:
        The shape with the ids.
    """
    for _attempt in range(_ID_ATTEMPTS):
        mine, taken = _first_ids(incus, instances.names)
        clashes = False
        for name, first in mine.items():
            # Two hosts of this lab may have the same, too.
            if not first or first in taken:
                mine[name] = _free_range(taken)
                clashes = True
            taken.add(mine[name])
        shape = replace(shape, first_ids=mine)
        instances.put_in_shape(shape)
        if not clashes:
            _ensure_ids(incus, mine)
            return shape
    raise LabError(_("Incus has no free user ids for the lab"))


def _ensure_ids(incus: Incus, first_ids: Mapping[str, int]) -> None:
    """Raise LabError unless Incus uses these ids: never share a range by mistake."""
    for name, first in first_ids.items():
        found = json.loads(incus.get("instances", name)["config"]["volatile.idmap.next"])
        used = {(each["Hostid"], each["Maprange"]) for each in found}
        if used != {(first, _IDS)}:
            raise LabError(_("Incus has no free user ids for the lab"), cause=str(found))


def _first_ids(incus: Incus, names: Collection[str]) -> tuple[dict[str, int], set[int]]:
    """The first user id of each host of the lab, and those of all other instances."""
    found = incus.of("").get("instances", query={"recursion": "1", "all-projects": "true"})
    mine: dict[str, int] = {}
    taken = set()
    ensure_known(incus, found)
    for each in found:
        config = each["config"]
        first = int(config.get("security.idmap.base") or config.get("volatile.idmap.base") or 0)
        if each["project"] == incus.project and each["name"] in names:
            mine[each["name"]] = first
        elif first:
            taken.add(first)
    return mine, taken


def _free_range(taken: Collection[int]) -> int:
    """A first id that is not taken, in the grid of Incus's own choices.

    It is chosen at random, because another labctl may choose at the same time, but close to the
    ids that are taken: root's range in subuid(5) has an end that a client does not know.
    """
    lowest = min(taken, default=_FIRST_ID)
    free = (lowest + n * _IDS for n in range(len(taken) + _SPARE) if lowest + n * _IDS not in taken)
    return secrets.choice(list(free))
