"""`python -m tests.fuzz`: many cases on several labs at once, each graded and judged.

Ends with 1 if check and oracle disagree about any case. Each case is one line of JSON in
`--out`; a disagreement is printed as it comes, with the name that repeats it (`--only`).
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import platformdirs

from tests.fuzz.changes import (
    Change,
    Chooser,
    catalogue,
    chooser,
    of_forums,
    of_lessons,
    of_systems,
)
from tests.fuzz.commands import labctl
from tests.fuzz.machines import Host, Machines
from tests.fuzz.oracle import AFTER_REBOOT, Edition, judge
from tests.fuzz.verdict import Verdict, compare, findings_of

EDITIONS = {
    "ubuntu-example": Edition(
        frozenset({"dns", "postfix", "firewall", "boot-order", "smtp-auth", "dovecot"}), "auth"
    ),
    "ubuntu": Edition(frozenset({"dns", "postfix", "dovecot"}), "network"),
}


# Set by a signal: the cases that run are the last ones, and the labs are removed.
_ENDED = threading.Event()

PARTS = {"forums": of_forums, "lessons": of_lessons, "systems": of_systems}


class Worker:
    """One lab and the cases that are tried on it."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name = name
        self._options = options
        self._edition = EDITIONS[options.edition]
        self._machines: Machines | None = None

    def bring_up(self) -> None:
        # A case breaks the lab for good; what a killed run left may be anything.
        labctl(self.name, "destroy", "--yes")
        words = ["--lab", str(self._options.lab)] if self._options.lab else []
        done = labctl(self.name, "up", *words, seconds=1200)
        if not done.ok:
            raise SystemExit(f"{self.name}: {done.out}")
        self._machines = self._described()

    def _described(self) -> Machines:
        status = json.loads(labctl(self.name, "status", "--json").out)["data"]
        lab = status[0] if isinstance(status, list) else status
        lab = lab.get("labs", [lab])[0]
        accounts = json.loads(labctl(self.name, "credentials", "--json").out)["data"]
        rows = accounts if isinstance(accounts, list) else accounts["accounts"]
        passwords = {row["address"]: row["password"] for row in rows}
        hosts = [
            Host(
                name=each["name"], address=each["address"],
                domain=each["fqdn"].partition(".")[2], user=each["mailbox"].partition("@")[0],
                password=passwords[each["mailbox"]],
            )
            for each in lab["hosts"] if each["mailbox"]
        ]  # fmt: skip
        state = platformdirs.user_state_path("labctl").resolve()
        network = hosts[0].address.rpartition(".")[0] + ".0/24"
        return Machines(self.name, state, hosts, network)

    def _boot(self) -> None:
        labctl(self.name, "up", "--until", "os")

    def remove(self) -> None:
        if self._machines is not None:
            self._machines.leave()
        labctl(self.name, "destroy", "--yes")

    def case(self, changes: Sequence[Change], hosts: Sequence[int]) -> dict[str, Any]:
        """Put the lab back, make the changes, have it graded and judged."""
        machines = self._machines
        assert machines is not None
        begun = time.monotonic()
        back = labctl(self.name, "reset", "--to", "ready", "--yes")
        if not back.ok:
            raise SystemExit(f"{self.name}: reset: {back.out}")
        machines.join()
        for change, number in zip(changes, hosts, strict=True):
            host = machines.hosts[number]
            names = " ".join(f"{key}={shlex.quote(v)}" for key, v in machines.named(host).items())
            machines.on(host, f"{names}\n{FILES}\n{change.script}", seconds=60)
        changed = time.monotonic()
        graded = labctl(self.name, "check", "--json")
        checked = time.monotonic()
        try:
            findings = findings_of(json.loads(graded.out)["data"])
        except (ValueError, KeyError, TypeError):
            findings = None
        # A reboot takes long. Without `--no-reboot` every case has one, with it those in doubt.
        reboots = self._options.reboot or findings
        faults = judge(machines, self._edition, self._boot if reboots else None)
        if faults and findings == []:
            # On a busy machine an answer may be late; what is broken is so the second time too,
            # and what a reboot broke is so until the next one.
            again = {(fault.host, fault.what) for fault in judge(machines, self._edition, None)}
            faults = [
                each
                for each in faults
                if (each.host, each.what.removeprefix(AFTER_REBOOT)) in again
            ]
        verdict = compare(changes, faults, findings)
        return {
            "changes": [change.name for change in changes],
            "hosts": [machines.hosts[number].name for number in hosts],
            "faults": [asdict(fault) for fault in faults],
            "findings": [asdict(each) for each in findings] if findings is not None else graded.out,
            "verdict": verdict.words,
            "disagrees": verdict.disagrees,
            "seconds": {
                "change": changed - begun, "check": checked - changed,
                "judge": time.monotonic() - checked,
            },
        }  # fmt: skip


# Where the files are that the changes edit, as Debian and the book's editions have them.
FILES = """
zones=/etc/bind/named.conf.local options=/etc/bind/named.conf.options
[ ! -e /etc/bind/named.conf.my-zones ] || zones=/etc/bind/named.conf.my-zones
for zone in "/etc/bind/db.$domain" "/etc/bind/$domain.zone"; do [ ! -e "$zone" ] || break; done
mail_conf=/etc/dovecot/conf.d/10-mail.conf
auth_conf=/etc/dovecot/conf.d/10-auth.conf ssl_conf=/etc/dovecot/conf.d/10-ssl.conf
"""


class Run:
    """The cases of all workers, until there are enough or the time is over."""

    def __init__(self, options: argparse.Namespace, sink: TextIO) -> None:
        self._options = options
        self._sink = sink
        self._rng = random.Random(options.seed)
        self._lock = threading.Lock()
        self._deadline = time.monotonic() + options.minutes * 60
        self.counts: Counter[str] = Counter()
        self.slowest = 0.0
        self._given = 0
        sections = EDITIONS[options.edition].sections
        self._choose: Chooser = chooser(self._rng, sections, options.doubles)
        self._asked = self._chosen() if options.only or options.of else None

    def _chosen(self) -> list[tuple[Change, ...]]:
        every = PARTS[self._options.of]() if self._options.of else catalogue(self._rng)
        words = self._options.only or [""]
        chosen: list[tuple[Change, ...]] = [
            (change,) for change in every if any(word in change.name for word in words)
        ]
        if not chosen:
            raise SystemExit("no change has such a name")
        return chosen[self._options.skip :]

    def _next(self) -> tuple[tuple[Change, ...], list[int]] | None:
        with self._lock:
            if _ENDED.is_set() or time.monotonic() > self._deadline:
                return None
            if self._given >= self._options.cases or self._asked == []:
                return None
            self._given += 1
            changes = self._asked.pop(0) if self._asked is not None else self._choose()
            return changes, [self._rng.randrange(2) for _change in changes]

    def work(self, worker: Worker) -> None:
        while (given := self._next()) is not None:
            self._keep(worker.case(*given))

    def _keep(self, row: dict[str, Any]) -> None:
        with self._lock:
            self.counts["cases"] += 1
            self.counts["broken"] += bool(row["faults"])
            self.counts["disagreements"] += row["disagrees"]
            self.counts.update(row["verdict"])
            self.slowest = max(self.slowest, row["seconds"]["check"])
            self._sink.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._sink.flush()
            if row["disagrees"]:
                print(f"{'+'.join(row['verdict'])}: {' & '.join(row['changes'])} "
                      f"on {', '.join(row['hosts'])}")  # fmt: skip
                print(
                    f"  oracle: {[(f['host'], f['what'], f['found'][:90]) for f in row['faults']][:3]}"
                )
                told = row["findings"]
                rows = (
                    told
                    if isinstance(told, str)
                    else [(f["host"], f["code"], f["found"][:90]) for f in told]
                )
                print(f"  check:  {rows}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--name", default="fuzz", help="what the labs' names begin with")
    parser.add_argument("--labs", type=int, default=3)
    parser.add_argument("--doubles", type=float, default=0.1, help="share of two changes at once")
    parser.add_argument("--edition", choices=EDITIONS, default="ubuntu-example")
    parser.add_argument("--lab", type=Path, help="lab file for the labs")
    parser.add_argument("--of", choices=PARTS, help="each change of this part once")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many of the chosen")
    parser.add_argument("--only", action="append", default=[], help="changes whose name has this")
    parser.add_argument(
        "--no-reboot", dest="reboot", action="store_false",
        help="reboot only if a finding is in doubt: three times as many cases in the same time",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("build/fuzz.jsonl"))
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    workers = [Worker(f"{options.name}-{number}", options) for number in range(options.labs)]
    begun = time.monotonic()
    # A program that a shell has put into the background ignores SIGINT otherwise.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _ENDED.set())
    try:
        for worker in workers:
            worker.bring_up()
        with options.out.open("w", encoding="utf-8") as sink:
            running = Run(options, sink)
            with ThreadPoolExecutor(len(workers)) as pool:
                for done in [pool.submit(running.work, worker) for worker in workers]:
                    done.result()
    finally:
        for worker in workers:
            worker.remove()
    return _told(running, time.monotonic() - begun)


def _told(running: Run, seconds: float) -> int:
    counts = running.counts
    cases = counts["cases"] or 1
    print(f"{counts['cases']} cases in {seconds / 60:.1f} min "
          f"({counts['cases'] / seconds * 3600:.0f} an hour), {counts['broken']} broken; "
          f"slowest check {running.slowest:.1f} s")  # fmt: skip
    for name in vars(Verdict()):
        print(f"  {name.replace('_', ' ')}: {counts[name]} ({100 * counts[name] / cases:.2f} %)")
    failed = counts["disagreements"]
    print(f"{counts['cases'] - failed} passed, {failed} failed")
    return 1 if failed or not counts["cases"] else 0


if __name__ == "__main__":
    sys.exit(main())
