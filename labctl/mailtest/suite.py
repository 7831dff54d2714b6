"""Run the chosen parts of the mail test one after the other, as one result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from labctl.i18n import _
from labctl.progress import Progress, silent
from labctl.results import MailTestResult, StressResult
from labctl.session import Session

if TYPE_CHECKING:
    from labctl.junit import Case

Part = Literal["mail", "client", "negative"]
PARTS: tuple[Part, ...] = ("mail", "client", "negative")


def run_parts(
    session: Session, parts: Sequence[Part], *, timeout: float, progress: Progress = silent
) -> MailTestResult:
    """Run the parts in order on the lab's two mail servers.

    Raises:
        LabError: what a part raises.
    """
    names = [host.name for host in session.lab.mail_hosts]
    results = []
    with session.targets(names) as targets:
        for part in parts:
            # Each part imports its own protocols' libraries, which takes as long as a message
            # needs to arrive.
            if part == "mail":
                from labctl.mailtest.conversation import run_mail_test

                result = run_mail_test(targets, timeout=timeout, progress=progress)
            elif part == "client":
                from labctl.mailtest.client import run_client_test

                result = run_client_test(targets, timeout=timeout, progress=progress)
            else:
                from labctl.mailtest.negative import run_negative_test

                provider = session.provider
                result = run_negative_test(targets, provider, timeout=timeout, progress=progress)
            results.append(result)
    return MailTestResult(
        started=results[0].started,
        seconds=sum(result.seconds for result in results),
        deliveries=tuple(each for result in results for each in result.deliveries),
        trials=tuple(each for result in results for each in result.trials),
    )


def cases(runs: Sequence[MailTestResult]) -> list[Case]:
    """The runs' deliveries and trials as test cases, each run as a group."""
    from labctl.junit import Case
    from labctl.mailtest.wording import explanation_of

    found = []
    for number, run in enumerate(runs, 1):
        group = "test-mail" if len(runs) == 1 else f"test-mail.{number}"
        for trial in run.trials:
            failure = "" if trial.ok else f"{trial.what}: {trial.expected}"
            name = f"{trial.code} {trial.host}"
            found.append(Case(f"{group}.trial", name, trial.seconds, failure, trial.found))
        for each in run.deliveries:
            why = explanation_of(each) or (each.subject,)
            failure = "" if each.ok else why[0]
            name = f"{each.kind} {each.sender} to {each.recipient}"
            case = Case(f"{group}.delivery", name, each.seconds, failure, "\n".join(why))
            found.append(case)
    return found


def stress_cases(result: StressResult) -> list[Case]:
    """A stress test's phases as test cases."""
    from labctl.junit import Case

    found = []
    for phase in result.phases:
        wrong = [one for one in result.astray if one.phase == phase.name and one.fate != "repeated"]
        failure = ", ".join(f"{one.fate}: {one.token}" for one in wrong)
        if not phase.accepted:
            failure = failure or _("no message was accepted: {phases}", phases=phase.name)
        details = "\n".join(line for one in wrong for line in one.story)
        found.append(Case("test-mail.stress", phase.name, phase.seconds, failure, details))
    return found
