"""The JSON document for scripts: schema, command, ok, data (docs/reference/json.md)."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import datetime
from typing import Any

from labctl.errors import LabError
from labctl.render.changes import in_english
from labctl.render.hints import hint_data
from labctl.results import Change

# Increased when a field changes its meaning or is removed (docs/reference/json.md).
JSON_SCHEMA = 1


def plain(value: Any) -> Any:
    """The value in the types that JSON has."""
    if isinstance(value, Change):
        return {"what": in_english(value), "kind": value.kind, "subject": value.subject}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def json_text(document: Any, indent: int | None = None) -> str:
    """The document as a line, or as lines if they are indented.

    JSON is UTF-8. If standard output is not, as in a pipe on Windows, everything outside of ASCII
    is escaped.
    """
    escaped = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    return json.dumps(document, ensure_ascii=escaped, indent=indent) + "\n"


def print_json(command: str, data: Any, *, ok: bool = True) -> None:
    """Print one document: schema, command, ok, and the fields of the result under `data`."""
    document = {"schema": JSON_SCHEMA, "command": command, "ok": ok, "data": plain(data)}
    sys.stdout.write(json_text(document, indent=2))


def print_json_error(error: LabError, lab: str) -> None:
    """The error in place of the result, on one line; its commands are for the lab called `lab`."""
    fields = {"message": error.message, "cause": error.cause, **hint_data(error.hint, lab)}
    document = {"schema": JSON_SCHEMA, "ok": False, "exit_code": int(error.exit_code)}
    sys.stdout.write(json_text({**document, "error": fields}))
