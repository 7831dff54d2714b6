"""`make bench`: how long the lab takes, against the bare work it cannot do without.

Every figure is of a whole process, in seconds, the median of several runs; figures that are
compared are measured in turn in the same run, so a slow moment of the machine hits both.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import smtplib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from labctl.lab import load_lab
from labctl.providers.nspawn.apt import machine_setup
from labctl.providers.nspawn.image import _OS_PACKAGES

NAME = "bench"
ADDRESSES = ("192.168.56.101", "192.168.56.102")


def main() -> None:
    """Runs the benchmark and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each warm figure")
    parser.add_argument("--cold-runs", type=int, default=1, help="runs of the image build")
    wanted = parser.parse_args()
    _print_machine()
    print("| what | runs | min | median | max |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder:
        cold(Path(folder), wanted.cold_runs)
    warm(wanted.runs)
    labctl("destroy", "--yes")


def cold(folder: Path, runs: int) -> None:
    """First `up` with an empty cache, and bare mmdebstrap of the same packages, in turn."""
    bare, first = [], []
    for number in range(runs):
        bare.append(timed(lambda n=number: bare_mmdebstrap(folder / f"bare{n}")))  # type: ignore[misc]
        labctl("destroy", "--yes")
        cache = folder / f"cache{number}"
        first.append(timed(lambda c=cache: labctl("up", cache=c)))  # type: ignore[misc]
        labctl("destroy", "--yes", cache=cache)
        shutil.rmtree(cache)
    row("bare mmdebstrap, same packages", bare)
    row("first `labctl up`, nothing cached", first)
    ratio("first up / bare mmdebstrap", first, bare)


def warm(runs: int) -> None:
    """The figures of everyday work, with the image cached."""
    ups, noops, resets, smtp, mails, helps = [], [], [], [], [], []
    labctl("up")
    for _number in range(runs):
        labctl("destroy", "--yes")
        ups.append(timed(lambda: labctl("up")))
        noops.append(timed(lambda: labctl("up")))
        mails.append(timed(lambda: labctl("test-mail")))
        begun = time.monotonic()
        process = subprocess.Popen(
            _argv("reset", "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await_smtp_gone_and_back(process)
        smtp.append(time.monotonic() - begun)
        process.wait()
        resets.append(time.monotonic() - begun)
        helps.append(timed(lambda: labctl("--help")))
    row("`labctl up`, image cached", ups)
    row("`labctl up`, nothing to do", noops)
    row("`labctl reset`, to both hosts' SMTP greeting", smtp)
    row("`labctl reset`, to its end", resets)
    row("`labctl test-mail`", mails)
    row("`labctl --help`", helps)


def await_smtp_gone_and_back(reset: subprocess.Popen[bytes]) -> None:
    """Waits until every host's SMTP has been away and answers again."""
    for address in ADDRESSES:
        while greets(address) and reset.poll() is None:
            time.sleep(0.01)
    for address in ADDRESSES:
        while not greets(address):
            time.sleep(0.01)


def greets(address: str) -> bool:
    with suppress(OSError, smtplib.SMTPException), smtplib.SMTP(address, 25, timeout=1):
        return True
    return False


def bare_mmdebstrap(root: Path) -> None:
    """The same package set in one go, nothing else done."""
    apt = machine_setup()
    packages = load_lab(NAME).edition.packages
    sources = root.with_suffix(".list")
    sources.write_text(apt.sources_list)
    argv = [
        "mmdebstrap", "--variant=apt", "--mode=root", "--format=directory", "--quiet",
        "--dpkgopt=force-unsafe-io", '--aptopt=APT::Install-Recommends "false"',
        *(f"--aptopt={line}" for line in apt.conf().splitlines()),
        f"--include={_OS_PACKAGES},{','.join((*packages.dns, *packages.mail))}",
        apt.suite, str(root), str(sources),
    ]  # fmt: skip
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(root)


def _argv(*args: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "labctl",
        *args,
        *([] if args[0] == "--help" else ["--name", NAME]),
    ]


def labctl(*args: str, cache: Path | None = None) -> None:
    """Runs labctl on the benchmark's own lab, quietly."""
    extra = {"XDG_CACHE_HOME": str(cache)} if cache is not None else {}
    subprocess.run(
        _argv(*args),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **extra},
    )


def timed(action: Callable[[], None]) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def row(what: str, seconds: list[float]) -> None:
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    print(f"| {what} | {len(seconds)} | {low:.2f} s | {middle:.2f} s | {high:.2f} s |", flush=True)


def ratio(what: str, ours: list[float], theirs: list[float]) -> None:
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    print(f"| {what} | {len(ratios)} | | **{statistics.median(ratios):.2f}** | |", flush=True)


def _print_machine() -> None:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {model}, {platform.system()}\n")


if __name__ == "__main__":
    main()
