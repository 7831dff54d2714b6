"""Results as a JUnit file, which CI systems and course platforms read.

There is no standard. The format is Jenkins's `testsuites`, with the elements and attributes that
every reader knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from labctl.home import write_for_person

# Characters that XML 1.0 does not allow, not even escaped.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One test case. It passed if `failure` is "". `seconds` is its duration."""

    group: str
    name: str
    seconds: float
    failure: str = ""
    details: str = ""


def junit_text(suite: str, cases: Sequence[Case]) -> str:
    """The XML text of one suite."""
    failures = sum(bool(case.failure) for case in cases)
    totals = {
        "tests": str(len(cases)),
        "failures": str(failures),
        "errors": "0",
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }
    root = ElementTree.Element("testsuites", totals)
    element = ElementTree.SubElement(root, "testsuite", {"name": suite, **totals})
    for case in cases:
        named = {"classname": _clean(case.group), "name": _clean(case.name)}
        one = ElementTree.SubElement(element, "testcase", {**named, "time": f"{case.seconds:.3f}"})
        if case.failure:
            failure = ElementTree.SubElement(one, "failure", {"message": _clean(case.failure)})
            failure.text = _clean(case.details)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def write_junit(path: Path, suite: str, cases: Sequence[Case]) -> None:
    """Write the file completely or not at all.

    Raises:
        WrongUsage: it cannot be written.
    """
    write_for_person(path, junit_text(suite, cases))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
