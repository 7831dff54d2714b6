"""What a report tells, gathered from a running lab."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from labctl import __version__
from labctl.configuration import files_of
from labctl.errors import WrongUsage
from labctl.grading import grade_hosts
from labctl.i18n import language
from labctl.lab import Lab
from labctl.mailtest.logs import newest_records
from labctl.mailtest.memory import last_result
from labctl.mailtest.trace import Trace, trace_records
from labctl.managed import ManagedFile
from labctl.progress import Progress, silent
from labctl.report.diagram import Sequence, sequence_of
from labctl.results import Delivery, MailTestResult, StepReport
from labctl.scripts import Script
from labctl.session import Session
from provision.step import Target

_BACK = 20000
_DEVIATION = {
    "en": re.compile(r"\bDeviation: (?P<text>.+?)\s*$", re.MULTILINE),
    "ja": re.compile(r"逸脱: (?P<text>.+?)\s*$", re.MULTILINE),
}
_VERSIONS = Script("labctl.report", "versions.sh")
_PACKAGES = ("bind9", "postfix", "sasl2-bin", "dovecot-imapd", "mailutils", "ufw")


@dataclass(frozen=True)
class Way:
    """One message of the test with its diagram; None where the logs no longer tell it."""

    delivery: Delivery
    diagram: Sequence | None


@dataclass(frozen=True)
class Deviation:
    """A place where the lab is set up otherwise than the book says."""

    path: str
    text: str


@dataclass(frozen=True)
class Facts:
    """All that stands in a report. `versions` are program to version, by host."""

    lab: Lab
    made: datetime
    labctl_version: str
    test: MailTestResult | None
    ways: tuple[Way, ...]
    checks: tuple[StepReport, ...]
    versions: Mapping[str, Mapping[str, str]]
    deviations: tuple[Deviation, ...]


def gather(session: Session, progress: Progress = silent) -> Facts:
    """Reads the last mail test and the lab as it is now; changes nothing.

    Raises LabError where a host cannot be reached.
    """
    names = [host.name for host in session.lab.mail_hosts]
    with session.targets(names) as targets:
        test = last_result(session.home)
        files = [file for name in names for file in files_of(session.scene(name))]
        return Facts(
            lab=session.lab,
            made=datetime.now().astimezone(),
            labctl_version=__version__,
            test=test,
            ways=ways_of(test, targets) if test else (),
            checks=grade_hosts(targets, progress=progress).reports,
            versions={name: _versions(target) for name, target in targets.items()},
            deviations=deviations_in(files),
        )


def ways_of(test: MailTestResult, targets: Mapping[str, Target]) -> tuple[Way, ...]:
    """The test's messages with their diagrams, from the hosts' logs."""
    records = newest_records(targets, _BACK)

    def diagram(delivery: Delivery) -> Sequence | None:
        try:
            trace: Trace = trace_records(records, delivery.message_id)
        except WrongUsage:
            return None
        return sequence_of(trace)

    return tuple(Way(delivery, diagram(delivery)) for delivery in test.deliveries)


def deviations_in(files: Iterable[ManagedFile]) -> tuple[Deviation, ...]:
    """What the rendered files themselves call deviations, in the language in force, once each."""
    found: dict[str, Deviation] = {}
    for file in files:
        for match in _DEVIATION[language()].finditer(file.content):
            found.setdefault(match["text"], Deviation(file.path, match["text"]))
    return tuple(found.values())


def _versions(target: Target) -> dict[str, str]:
    lines = target.remote.script(_VERSIONS, *_PACKAGES, check=False).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)
