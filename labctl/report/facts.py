"""What a report contains, collected from a running lab."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from labctl import __version__
from labctl.errors import WrongUsage
from labctl.grading import grade_hosts
from labctl.host_files import files_of
from labctl.i18n import language
from labctl.lab import Lab
from labctl.mailtest.last_result import last_result
from labctl.mailtest.logs import newest_records
from labctl.mailtest.trace import NEWEST, Trace, trace_records
from labctl.managed import ManagedFile
from labctl.progress import Progress, silent
from labctl.report.diagram import SequenceDiagram, sequence_of
from labctl.results import Delivery, MailTestResult, StepReport
from labctl.session import Session
from provision.step import Target, packages_of


@dataclass(frozen=True)
class Way:
    """One message of the test, and its diagram, or None if the logs no longer have it."""

    delivery: Delivery
    diagram: SequenceDiagram | None


@dataclass(frozen=True)
class Deviation:
    """A setting that differs from the book's."""

    path: str
    text: str


@dataclass(frozen=True)
class Facts:
    """The content of a report. `versions` are the versions of programs, by host."""

    lab: Lab
    made: datetime
    labctl_version: str
    test: MailTestResult | None
    ways: tuple[Way, ...]
    checks: tuple[StepReport, ...]
    versions: Mapping[str, Mapping[str, str]]
    deviations: tuple[Deviation, ...]


def gather(session: Session, progress: Progress = silent) -> Facts:
    """Read the last mail test, and the lab as it is now. Changes nothing.

    Raises:
        LabError: a host cannot be reached.
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
    """The test's messages, with diagrams from the hosts' logs."""
    records = newest_records(targets, NEWEST)

    def diagram(delivery: Delivery) -> SequenceDiagram | None:
        try:
            trace: Trace = trace_records(records, delivery.message_id)
        except WrongUsage:
            return None
        return sequence_of(trace)

    return tuple(Way(delivery, diagram(delivery)) for delivery in test.deliveries)


def deviations_in(files: Iterable[ManagedFile]) -> tuple[Deviation, ...]:
    """The deviations of the rendered files, in the user's language, each once."""
    found: dict[str, Deviation] = {}
    for file in files:
        for deviation in file.deviations:
            text = deviation.ja if language() == "ja" else deviation.en
            found.setdefault(text, Deviation(file.path, text))
    return tuple(found.values())


def _versions(target: Target) -> dict[str, str]:
    """The host's system, and the versions of the packages that the chapter installs."""
    packages = packages_of(target)
    found = target.family.packages.versions(target, [*packages.dns, *packages.mail])
    return {"OS": str(target.scene.system), **found}
