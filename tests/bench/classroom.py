"""`python -m tests.bench.classroom`: measure a class, and compare it with the bare boot.

For each number of seats, in one run: `class up` from the cached image, the bare boot of the same
hosts with as many labs at once, `check`, `reset` of one seat while the others run, `reset --all`,
`destroy`, and the memory per lab.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from labctl.classroom.work import processors
from labctl.dial import inside
from labctl.home import lab_home
from labctl.providers.nspawn.lab_limits import LabGroup, lab_id_of
from labctl.providers.rootfs.cgroup import Cgroup
from labctl.session import open_session
from tests.bench import floors, footprint
from tests.bench.growth import picture
from tests.bench.labs import _enter_network, _greets, hosts, nspawn_command
from tests.bench.timing import MEGABYTES, Aim, Measures, machine, put_into

CLASS = "bench"


def main() -> None:
    """Print Markdown tables on stdout and progress on stderr."""
    parser = argparse.ArgumentParser(prog="make bench-class", description=__doc__)
    parser.add_argument("--seats", type=int, nargs="+", default=[1, 5, 10, 30])
    parser.add_argument("--into", type=Path, help="put the tables into this page, at its marks")
    parser.add_argument("--picture", type=Path, help="write the growth as SVG into this file")
    wanted = parser.parse_args()
    counts = sorted(wanted.seats)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Also when it is ended, it prints what it has measured and removes its labs.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    measures = Measures()
    said = machine()
    _class("end", "--yes", check=False)
    _class("init", CLASS, "--seats", str(counts[-1]), named=False)
    try:
        for count in counts:
            _measure(measures, count)
    finally:
        # Print the figures even if a round failed, because the measurement takes long.
        measured = [n for n in counts if measures.has(_up(n))]
        pairs = [(way(n), _bare(n)) for n in measured for way in (_up, _copies)]
        pairs += [(_reset(n), _reset(1)) for n in measured]
        tables = [
            measures.figures(),
            measures.ratios(pairs),
            _growth(measures, measured),
            measures.aims(_aims(counts[-1])),
        ]
        text = "\n\n".join(["Measured on " + said, *("\n".join(each) for each in tables)])
        print(text, flush=True)
        if wanted.into is not None:
            put_into(wanted.into, text, mark="make bench-class")
        if wanted.picture is not None:
            wanted.picture.write_text(_picture(measures, measured), encoding="utf-8")
        _class("end", "--yes", check=False)


def _growth(measures: Measures, counts: list[int]) -> list[str]:
    """The time for each seat, by the number of seats: it grows if growth is not linear."""
    rows = [
        "| for each seat | " + " | ".join(str(n) for n in counts) + " |",
        "|---" * (len(counts) + 1) + "|",
    ]
    for what, name in _LINES.items():
        found = [
            f"{measures.median(name(n)) / n:.2f} s" if measures.has(name(n)) else "" for n in counts
        ]
        rows.append(f"| {what} | " + " | ".join(found) + " |")
    return rows


def _picture(measures: Measures, counts: list[int]) -> str:
    lines = {
        what: {n: measures.median(name(n)) for n in counts if measures.has(name(n))}
        for what, name in _LINES.items()
    }
    return picture("Seconds by the number of seats", lines)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _up(count: int) -> str:
    return f"`class up`, {_counted(count, 'seat')}"


def _copies(count: int) -> str:
    return f"the same without the model, {_counted(count, 'seat')}"


def _bare(count: int) -> str:
    return f"bare boot of {2 * count} hosts, to all SMTP greetings"


def _reset(count: int) -> str:
    return f"`class reset` of one seat, {count} running"


def _reset_all(count: int) -> str:
    return f"`class reset` of {_counted(count, 'seat')}"


def _destroy(count: int) -> str:
    return f"`class destroy`, {_counted(count, 'seat')}"


def _memory(count: int) -> str:
    return f"memory the machine has less per lab, {_counted(count, 'lab')}"


def _processes(count: int) -> str:
    return f"memory per lab by its processes (PSS), {_counted(count, 'lab')}"


def _check(count: int) -> str:
    return f"`class check`, {_counted(count, 'seat')}"


_LINES = {
    "class up": _up,
    "without the model": _copies,
    "bare boot": _bare,
    "class check": _check,
    "class reset, all": _reset_all,
    "class destroy": _destroy,
}


def _aims(most: int) -> list[Aim]:
    return [
        Aim("`class up` against the bare boot", _up(most), _bare(most), 1.5),
        Aim("the same without the model", _copies(most), _bare(most), 1.5),
        Aim("memory of a lab in the class", _processes(most), bound=105e6),
        Aim("grading of the class", _check(most), bound=15.0),
        Aim("reset of one seat against the same alone", _reset(most), _reset(1), 1.5),
    ]


def _measure(measures: Measures, count: int) -> None:
    seats = f"1-{count}"
    before = footprint.available()
    begun = time.monotonic()
    _class("up", seats)
    seconds = time.monotonic() - begun
    measures.add(_up(count), seconds)
    # The model is built once for a class, however many seats it has.
    measures.add(_copies(count), seconds - _model_seconds)
    time.sleep(5)
    measures.add(_memory(count), (before - footprint.available()) / count, MEGABYTES)
    measures.add(_processes(count), _pss(count) / count, MEGABYTES)
    measures.time(_check(count), lambda: _class("check", seats, check=False))
    measures.time(_reset(count), lambda: _class("reset", "1", "--yes"))
    measures.time(_reset_all(count), lambda: _class("reset", seats, "--yes"))
    measures.add(_bare(count), _bare_boot(count))
    measures.time(_destroy(count), lambda: _class("destroy", "--yes"))


_model_seconds = 0.0


def _class(word: str, *words: str, named: bool = True, check: bool = True) -> Any:
    """Run a command of `labctl class` as a separate process; its failure ends the benchmark."""
    global _model_seconds  # noqa: PLW0603 - told by the progress of `up` only
    argv = [sys.executable, "-m", "labctl", "class", word, *words]
    argv += ["--class", CLASS] if named else []
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise SystemExit(f"{argv!r}: status {done.returncode}\n{done.stdout}{done.stderr}")
    if word == "up":
        # The last line before the first seat.
        times = [line.split()[0] for line in done.stderr.splitlines() if "✓" not in line]
        _model_seconds = float(times[-1])
    return done.stdout


def _groups(seat: int) -> dict[str, Cgroup]:
    group = LabGroup(lab_id_of(lab_home(f"{CLASS}-s{seat:02}").state))
    return {host.name: group.host(host.name) for host in hosts()}


def _pss(count: int) -> int:
    groups = [group for seat in range(1, count + 1) for group in _groups(seat).values()]
    return sum(
        sum(footprint._share(pid) for pid in group.pids()) + footprint._in_tmpfs(group.init_pid())
        for group in groups
    )


def _bare_boot(count: int) -> float:
    """Seconds to boot the hosts of so many labs with labctl's own command lines and layers.

    As many labs as there are processors boot at once, like in `class up`. Stopping and mounting
    are not counted.
    """
    seats = range(1, count + 1)
    groups = {seat: _groups(seat) for seat in seats}
    inits = {seat: {n: g.init_pid() for n, g in groups[seat].items()} for seat in seats}
    commands = {seat: {n: nspawn_command(g) for n, g in groups[seat].items()} for seat in seats}
    roots = {
        (seat, host.name): lab_home(f"{CLASS}-s{seat:02}").state / "hosts" / host.name
        for seat in seats
        for host in hosts()
    }
    lower = {place: floors._mount_option(root, "lowerdir") for place, root in roots.items()}
    everything = [group for each in groups.values() for group in each.values()]
    for seat in seats:
        # Also removes the interfaces, without which the names would be taken for a moment.
        provider = open_session(f"{CLASS}-s{seat:02}").provider
        provider.cut_power([host.name for host in hosts()])

    def netns(seat: int) -> Path:
        return Path("/run/netns") / f"labctl-{lab_id_of(lab_home(f'{CLASS}-s{seat:02}').state)}"

    def boot(seat: int) -> None:
        for name, group in groups[seat].items():
            subprocess.Popen(
                # nspawn adds a link to the bridge of the lab's own network.
                group.entering(inside(netns(seat), commands[seat][name])),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        _await_smtp(groups[seat], inits[seat])

    with tempfile.TemporaryDirectory(prefix="bare-", dir=lab_home(CLASS).state.parent) as folder:
        try:
            for (seat, name), root in roots.items():
                floors._remount(root, lower[seat, name], Path(folder) / f"{seat}-{name}")
            begun = time.monotonic()
            with ThreadPoolExecutor(processors()) as pool:
                list(pool.map(boot, seats))
            seconds = time.monotonic() - begun
        finally:
            for group in everything:
                group.kill()
            for root in roots.values():
                floors._umount(root)
    return seconds


def _await_smtp(groups: dict[str, Cgroup], before: dict[str, int | None]) -> None:
    """Wait until each host has a network of its own in which its mail server greets.

    Until then its first process is in the machine's network, where another seat may greet.
    """
    own = Path("/proc/self/ns/net").stat().st_ino

    def network(pid: int | None) -> int:
        with suppress(OSError):
            return Path(f"/proc/{pid}/ns/net").stat().st_ino
        return own

    def wait(name: str, address: str) -> None:
        while (init := groups[name].init_pid()) in (None, before[name]) or network(init) == own:
            time.sleep(0.01)
        _enter_network(init)
        while not _greets(address):
            time.sleep(0.01)

    with ThreadPoolExecutor(len(groups)) as pool:
        for each in [pool.submit(wait, host.name, str(host.address)) for host in hosts()]:
            each.result()


if __name__ == "__main__":
    main()
