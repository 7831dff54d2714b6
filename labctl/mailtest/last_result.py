"""The last mail test of a lab, kept for its report."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from labctl.home import LabHome, write_atomically
from labctl.results import MailTestResult


def keep_result(home: LabHome, result: MailTestResult) -> None:
    """Keep the result instead of the one before."""
    write_atomically(_file(home), json.dumps(asdict(result)))


def last_result(home: LabHome) -> MailTestResult | None:
    """The kept result, or None if there is none or another version of labctl wrote it."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(MailTestResult).validate_json(_file(home).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


def _file(home: LabHome) -> Path:
    return home.state / "mail-test.json"
