"""The real program in its own process, as a user starts it."""

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
    """The exit code and both outputs of a labctl run."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON document. Any other output is an error."""
        return json.loads(self.out)


def labctl(
    *args: str | bytes,
    code: int | None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run labctl to its end. It must end with `code`, if any, and without a traceback."""
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
    ended = f"labctl {args!r} ended with {done.returncode}\n{out}\n{err}"
    assert code in (None, done.returncode), ended
    return Ended(done.returncode, out, err)
