"""Run the chosen parts of the mail test one after the other, as one result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from labctl.progress import Progress, silent
from labctl.results import MailTestResult
from labctl.session import Session

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
