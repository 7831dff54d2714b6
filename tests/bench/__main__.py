"""`make bench`: measure labctl and compare it with the bare work and with other tools.

Compared figures are measured alternately, round by round, in one run. A ratio is the median of
the ratios of the rounds. All times are those of whole processes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import floors, footprint, others
from tests.bench.labs import (
    await_smtp,
    data,
    finish,
    groups,
    init_pids,
    labctl,
    open_ssh,
    start,
    start_labctl,
)
from tests.bench.timing import MEGABYTES, SECONDS, Aim, Measures, machine, put_into

COLD, IMAGE = "`up`, nothing cached", "bare mmdebstrap, same packages"
RESET, BOOT = "`reset`, to both SMTP greetings", "bare boot, to both SMTP greetings"
MAIL, SIX, TWO = "`test-mail` (six messages)", "bare mail, six messages", "bare mail, two messages"
MAIL_ITSELF = "`test-mail` as it tells its own time"
CONFIGURE, NOOP = "`up`, from `packages` to `ready`", "`up`, nothing to do"
HELP, TYPER = "`--help`", "bare `import typer`"
MEMORY, DISK = "memory of a running lab", "disk of a running lab"

AIMS = [
    Aim("no-op `up` against Ansible's no-op", "Ansible, nothing to do", NOOP, 10, least=True),
    Aim("`packages` to `ready` against Ansible", "Ansible, from `packages` to `ready`", CONFIGURE,
        5, least=True),
    Aim("cold `up` against the bare image build", COLD, IMAGE, 1.15),
    Aim("`reset` against bare boot", RESET, BOOT, 1.5),
    Aim("`test-mail` against the bare floor", MAIL, SIX, 1.5),
    Aim("the same, by the time `test-mail` tells", MAIL_ITSELF, SIX, 1.5),
    Aim("`labctl --help`", HELP, bound=0.150),
    Aim("memory of a lab", MEMORY, bound=180e6),
    Aim("disk of a lab", DISK, bound=50e6),
]  # fmt: skip
RATIOS = [
    (COLD, IMAGE),
    (RESET, BOOT),
    (MAIL, SIX),
    (MAIL, TWO),
    (MAIL_ITSELF, SIX),
    (HELP, TYPER),
    *((f"{tool}, nothing to do", NOOP) for tool in others.TOOLS),
    *((f"{tool}, from `packages` to `ready`", CONFIGURE) for tool in others.TOOLS),
]


def main() -> None:
    """Run the benchmark. Print Markdown tables on stdout and progress on stderr."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="rounds of all but the cold figures")
    parser.add_argument("--cold-runs", type=int, default=5, help="rounds of the image build")
    parser.add_argument("--into", type=Path, help="put the tables into this page, at its marks")
    wanted = parser.parse_args()
    # Keep Python's compiled files, as in normal use.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    measures = Measures()
    said = [machine()]
    try:
        _rounds(measures, wanted.cold_runs, wanted.runs, said)
    finally:
        # Print the figures even if a round failed, because the measurement takes long.
        tables = [measures.figures(), measures.ratios(RATIOS), measures.aims(AIMS), said[1:]]
        text = "\n\n".join(["Measured on " + said[0], *("\n".join(each) for each in tables)])
        print(text)
        labctl("destroy", "--yes")
    if wanted.into is not None:
        put_into(wanted.into, text)


def _rounds(measures: Measures, cold_runs: int, runs: int, said: list[str]) -> None:
    for _number in range(cold_runs):
        with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder:
            cold(measures, Path(folder))
    if runs:
        # Build the image in the user's cache if it is missing.
        labctl("up")
    for number in range(runs):
        with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder:
            everyday(measures)
            mail(measures, Path(folder))
            reset(measures)
            said += configuration(measures, Path(folder), prove=number == 0)


def cold(measures: Measures, folder: Path) -> None:
    """Measure the first `up` and the bare image build that it includes."""
    up, bare, clear = floors.cold(folder)
    labctl("destroy", "--yes")
    measures.time(IMAGE, bare)
    measures.time(COLD, up)
    clear()


def everyday(measures: Measures) -> None:
    """Measure the commands that are not compared with anything. Leave the lab as `up` makes it."""
    labctl("destroy", "--yes")
    measures.time("`up --until dns`, image cached", lambda: labctl("up", "--until", "dns"))
    labctl("destroy", "--yes")
    before = footprint.available()
    measures.time("`up`, image cached", lambda: labctl("up"))
    measures.time("`up`, nothing to do, fresh lab", lambda: labctl("up"))
    measures.add(MEMORY, footprint.memory(), MEGABYTES)
    measures.add("memory the machine has less", before - footprint.available(), MEGABYTES)
    measures.add(DISK, footprint.disk(), MEGABYTES)
    measures.time("`check`", lambda: labctl("check"))
    measures.time(HELP, lambda: labctl("--help"))
    measures.time(TYPER, lambda: finish(start([sys.executable, "-c", "import typer"])))


def mail(measures: Measures, folder: Path) -> None:
    """Measure the mail test, and the same mail without labctl over open connections."""
    with open_ssh(folder) as ssh:
        for name, letters in ((SIX, "six"), (TWO, "two")):
            floors.empty_boxes(ssh)
            measures.time(name, floors.bare_mail(ssh, letters))
        floors.empty_boxes(ssh)
    begun = time.monotonic()
    told = data("test-mail")
    measures.add(MAIL, time.monotonic() - begun)
    measures.add(MAIL_ITSELF, told["seconds"])


def reset(measures: Measures) -> None:
    """Measure `reset` to `ready`, and the bare boot of the same disks. Leave the lab running."""
    found, before = groups(), init_pids()
    begun = time.monotonic()
    process = start_labctl("reset", "--yes")
    await_smtp(found, before)
    measures.add(RESET, time.monotonic() - begun)
    finish(process)
    measures.add("`reset`, to its end", time.monotonic() - begun)
    measures.add(BOOT, floors.bare_boot(), SECONDS)
    labctl("up")


def configuration(measures: Measures, folder: Path, *, prove: bool) -> list[str]:
    """Measure `packages` to `ready`, then a run without changes, with labctl and the other tools.

    With `prove`, labctl checks the lab after each tool. Returns one line of its output per tool.
    """
    said = []
    labctl("reset", "--to", "packages", "--yes")
    measures.time(CONFIGURE, lambda: labctl("up"))
    measures.time(NOOP, lambda: labctl("up"))
    for tool, prepare in others.TOOLS.items():
        labctl("reset", "--to", "packages", "--yes")
        run = prepare(folder)
        measures.time(f"{tool}, from `packages` to `ready`", run)
        measures.time(f"{tool}, nothing to do", run)
        run.end()
        if prove:
            said.append(f"After {tool}: {others.judged()}")
    return said


if __name__ == "__main__":
    main()
