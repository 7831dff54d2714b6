"""`make bench`: how long labctl takes, beside the bare work and beside what else one would use.

Figures that are compared are measured in turn, round by round, in one run; a ratio is the
median of the rounds' own. All are of whole processes, from start to end.
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
from tests.bench.timing import MEGABYTES, SECONDS, Aim, Measures, machine

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

# Between these two lines a page holds the tables.
_BEGIN, _END = "<!-- make bench -->", "<!-- end -->"


def main() -> None:
    """Runs the benchmark; prints tables in Markdown, and on standard error how it goes on."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="rounds of all but the cold figures")
    parser.add_argument("--cold-runs", type=int, default=5, help="rounds of the image build")
    parser.add_argument("--into", type=Path, help="put the tables into this page, at its marks")
    wanted = parser.parse_args()
    # What a person has: Python keeps what it compiled.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    measures = Measures()
    said = [machine()]
    try:
        _rounds(measures, wanted.cold_runs, wanted.runs, said)
    finally:
        # Also where a round failed: what was measured until then took long.
        tables = [measures.figures(), measures.ratios(RATIOS), measures.aims(AIMS), said[1:]]
        text = "\n\n".join(["Measured on " + said[0], *("\n".join(each) for each in tables)])
        print(text)
        labctl("destroy", "--yes")
    if wanted.into is not None:
        _put_into(wanted.into, text)


def _put_into(page: Path, text: str) -> None:
    before, _between, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _old, end, after = rest.partition(_END)
    page.write_text(f"{before}{_BEGIN}\n{text}\n{end}{after}", encoding="utf-8")


def _rounds(measures: Measures, cold_runs: int, runs: int, said: list[str]) -> None:
    for _number in range(cold_runs):
        with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder:
            cold(measures, Path(folder))
    if runs:
        # Builds the image in this person's own cache, where it is not there yet.
        labctl("up")
    for number in range(runs):
        with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder:
            everyday(measures)
            mail(measures, Path(folder))
            reset(measures)
            said += configuration(measures, Path(folder), prove=number == 0)


def cold(measures: Measures, folder: Path) -> None:
    """The first `up` of all, and the bare image build it cannot do without."""
    up, bare, clear = floors.cold(folder)
    labctl("destroy", "--yes")
    measures.time(IMAGE, bare)
    measures.time(COLD, up)
    clear()


def everyday(measures: Measures) -> None:
    """What needs no other figure beside it. Leaves the lab as `up` makes it."""
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
    """The mail test, and the same mail without labctl, over connections already open."""
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
    """Back to `ready`, and the bare boot of the same disks. Leaves the lab running."""
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
    """From `packages` to `ready`, then once more, by labctl and by what else one would use.

    With `prove`, labctl is asked after each tool whether the lab is right; what it said is
    returned, a line for each tool.
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
