"""The last mail test of a lab, kept for its report."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from labctl.home import LabHome, write_atomically
from labctl.results import MailTestResult

_RESULT = TypeAdapter(MailTestResult)


def keep_result(home: LabHome, result: MailTestResult) -> None:
    """Keeps the result in place of the one before."""
    write_atomically(_file(home), _RESULT.dump_json(result).decode())


def last_result(home: LabHome) -> MailTestResult | None:
    """The kept result; None where there was no test, or another version's file lies there."""
    try:
        return _RESULT.validate_json(_file(home).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


def _file(home: LabHome) -> Path:
    return home.state / "mail-test.json"
