"""The real program in a process of its own, as a person starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a labctl ended, and both its outputs."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document; more, or anything beside it, is an error."""
        return json.loads(self.out)


def labctl(
    *args: str | bytes,
    code: int,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Runs labctl to its end, which must be `code` and never a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "labctl", *args],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={**os.environ, "LABCTL_LANG": "en", **(env or {})},
        check=False,
        timeout=20,
    )
    out, err = (stream.decode(errors="replace") for stream in (done.stdout, done.stderr))
    assert "Traceback" not in err, err
    assert done.returncode == code, f"labctl {args!r} ended with {done.returncode}\n{out}\n{err}"
    return Ended(done.returncode, out, err)
