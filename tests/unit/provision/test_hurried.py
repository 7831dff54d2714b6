"""`hurried` of scripts/patience.sh ends a program, and the shell that the program has started."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "provision" / "scripts"
# Like runuser(1) with a login that never ends: it waits for its shell, which hears no SIGTERM.
LOGIN = 'trap "wait $!; exit 137" TERM; sh -c "trap : TERM; while :; do :; done" & wait'

pytestmark = pytest.mark.posix


@pytest.mark.parametrize(
    ("program", "status"), [("exit 0", 0), ("exit 3", 3), ("sleep 60", 124), (LOGIN, 124)]
)
def test_a_program_is_ended_in_time(tmp_path: Path, program: str, status: int) -> None:
    # Half a second is a second here.
    sleep = tmp_path / "sleep"
    sleep.write_text("#!/bin/sh\n[ $1 = 60 ] || exec /bin/sleep 0.5\nexec tail -f /dev/null\n")
    sleep.chmod(0o755)
    text = f". ./patience.sh; hurried 1 sh -c '{program}' && echo 0 || echo $?"
    done = subprocess.run(
        ["sh", "-euc", text],
        cwd=SCRIPTS,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == f"{status}\n"
