"""`labctl test-mail`: the textbook's mail test, and further tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli.options import DEFAULT_NAME, AsJson, Junit, Name, exit_unless
from labctl.i18n import _

if TYPE_CHECKING:
    from labctl.mailtest.suite import Part


def _seconds(value: float) -> float:
    """NaN passes the range check, so reject it here."""
    if math.isnan(value):
        raise typer.BadParameter(_("{value} is not a number of seconds", value=value))
    return value


# The minimum with which each host sends a message before, during and after each fault.
Messages = Annotated[
    int | None,
    typer.Option(
        min=50, max=100_000, help=_("With --stress: the number of messages (default: 500).")
    ),
]
Timeout = Annotated[
    float,
    typer.Option(min=1, max=3600, callback=_seconds, help=_("Seconds to wait for each message.")),
]


def test_mail(
    client: Annotated[
        bool, typer.Option("--client", help=_("Test as a mail client: SMTP AUTH, IMAP, POP3."))
    ] = False,
    negative: Annotated[
        bool,
        typer.Option("--negative", help=_("Test mail that must be refused, bounced or queued.")),
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help=_("Run all three tests."))] = False,
    stress: Annotated[
        bool, typer.Option("--stress", help=_("Send many messages while hosts and network fail."))
    ] = False,
    messages: Messages = None,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help=_("Number of runs."))] = 1,
    timeout: Timeout = 30,
    junit: Junit = None,
    name: Name = DEFAULT_NAME,
    as_json: AsJson = False,
) -> None:
    from labctl.errors import WrongUsage
    from labctl.hint import commands
    from labctl.mailtest.suite import PARTS

    if stress:
        if client or negative or everything or repeat > 1:
            raise WrongUsage(
                _("--stress cannot be combined with other tests"),
                hint=commands("labctl test-mail --stress"),
            )
        _stress(name, messages, timeout, junit, as_json=as_json)
        return
    if messages is not None:
        raise WrongUsage(
            _("--messages requires --stress"), hint=commands("labctl test-mail --stress")
        )
    asked = {"client": client or everything, "negative": negative or everything, "mail": everything}
    parts = tuple(part for part in PARTS if asked[part]) or ("mail",)
    _run(name, parts, repeat, timeout, junit, as_json=as_json)


def _run(
    name: str,
    parts: Sequence[Part],
    repeat: int,
    timeout: float,
    junit: Path | None,
    *,
    as_json: bool,
) -> None:
    from labctl.lock import locked
    from labctl.mailtest.last_result import keep_result
    from labctl.mailtest.suite import run_parts
    from labctl.render.mail import print_mail_tests
    from labctl.render.progress import Live
    from labctl.session import open_session

    session = open_session(name)
    session.ensure_up()
    with locked(session.home), Live(session.lab, quiet=as_json) as live:
        runs = [
            run_parts(session, parts, timeout=timeout, progress=live.progress)
            for _number in range(repeat)
        ]
    keep_result(session.home, runs[-1])
    if junit is not None:
        # It has the cases of every test, and so imports the grading.
        from labctl.render.junit import mail_cases, write_junit

        write_junit(junit, "labctl test-mail", mail_cases(runs))
    print_mail_tests(runs, as_json=as_json)
    exit_unless(all(run.ok for run in runs))


def _stress(
    name: str, messages: int | None, timeout: float, junit: Path | None, *, as_json: bool
) -> None:
    from labctl.lock import locked
    from labctl.mailtest.stress import MESSAGES, run_stress_test
    from labctl.render.junit import stress_cases, write_junit
    from labctl.render.progress import Live
    from labctl.render.stress import print_stress
    from labctl.session import open_session

    session = open_session(name)
    session.ensure_up()
    hosts = [host.name for host in session.lab.mail_hosts]
    with (
        locked(session.home),
        Live(session.lab, quiet=as_json) as live,
        session.targets(hosts) as targets,
    ):
        result = run_stress_test(
            targets,
            session.provider,
            messages=messages or MESSAGES,
            timeout=timeout,
            progress=live.progress,
        )
    if junit is not None:
        write_junit(junit, "labctl test-mail --stress", stress_cases(result))
    print_stress(result, as_json=as_json)
    exit_unless(result.ok)
