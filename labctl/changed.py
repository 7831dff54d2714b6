"""What a person changed on a running lab since a checkpoint."""

from __future__ import annotations

from labctl.baselines import Baselines
from labctl.difference import Difference, compare
from labctl.manifest import parse, take
from labctl.parallel import on_each
from labctl.reset import target_of_reset
from labctl.session import Session


def changed_since(session: Session, since: str | None, host: str | None) -> Difference:
    """Compare the hosts as they are now with what they were at a checkpoint.

    Args:
        since: A checkpoint. By default that of the last complete `up`, or of a later reset.
        host: One host; all hosts by default.

    Raises:
        WrongUsage: there is no such host or checkpoint.
        WrongState: the lab is not up, or no baseline of the checkpoint was kept.
    """
    every = [each.name for each in session.lab.hosts]
    hosts = [session.lab.host(host).name] if host is not None else every
    kept = Baselines(session.home)
    checkpoint = target_of_reset(session, since or kept.at or None)
    session.ensure_up(hosts)
    before = [kept.read(checkpoint, name) for name in hosts]
    with session.targets(hosts) as targets:
        now = [parse(text) for text in on_each(targets.values(), take)]
    found = [compare(name, was, is_) for name, was, is_ in zip(hosts, before, now, strict=True)]
    return Difference(checkpoint, tuple(found))
