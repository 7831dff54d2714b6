"""What a person changed on a running lab since a checkpoint: the hosts now, and as they were."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from labctl.baselines import Baselines
from labctl.difference import Difference, compare
from labctl.manifest import parse, take
from labctl.reset import target_of_reset
from labctl.session import Session


def changed_since(session: Session, since: str | None, host: str | None) -> Difference:
    """All hosts, or one, against `since`; by default against where the lab last stood.

    That is the checkpoint of the last complete `up`, or of a reset after it. Raises WrongUsage
    for an unknown host or checkpoint, WrongState for a lab that is not up.
    """
    every = [each.name for each in session.lab.hosts]
    hosts = [session.lab.host(host).name] if host is not None else every
    kept = Baselines(session.home)
    checkpoint = target_of_reset(session, since or kept.at or None)
    session.ensure_up()
    before = [kept.read(checkpoint, name) for name in hosts]
    with session.targets(hosts) as targets, ThreadPoolExecutor(len(hosts)) as pool:
        texts = pool.map(take, targets.values())
        found = [
            compare(name, was, parse(text))
            for name, was, text in zip(hosts, before, texts, strict=True)
        ]
    return Difference(checkpoint, tuple(found))
