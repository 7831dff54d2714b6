"""The ssh command line for a user, with the lab's key and pinned host keys."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import list2cmdline

from labctl import dial
from labctl.endpoint import Endpoint
from labctl.quote import shell_line

# Reads the user's profile and changes to the home folder, as a login does. `sudo -i COMMAND` does
# that too, but passes the words to a shell again, which removes newlines and expands `$name`.
_AS_AT_LOGIN = 'cd; exec "$@"'


def ssh_command(
    endpoint: Endpoint, user: str, command: Sequence[str], *, terminal: bool
) -> list[str]:
    """The ssh command line for a login shell of `user`, or for `command` run as that user.

    A shell on the host interprets a single word, as with ssh. Several words stay unchanged.
    """
    argv = [
        "ssh", "-o", "LogLevel=ERROR", "-p", str(endpoint.port),
        "-o", f"IdentityFile={_one_word(endpoint.key)}", "-o", "IdentitiesOnly=yes",
        "-o", "StrictHostKeyChecking=yes",
        "-o", f"UserKnownHostsFile={_one_word(endpoint.known_hosts)}",
        "-o", "GlobalKnownHostsFile=/dev/null", "-F", "none",
        # A host that disappears silently is noticed after 40 s.
        "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3",
        *(["-t"] if terminal else ["-T"]), *_proxy(endpoint),
        f"{endpoint.user}@{endpoint.address}",
    ]  # fmt: skip
    return dial.inside(endpoint.netns, [*argv, "--", shell_line(_as_user(user, command))])


def _proxy(endpoint: Endpoint) -> list[str]:
    """OpenSSH's ProxyCommand: a shell reads it here, on Windows the program itself does."""
    words = list(endpoint.proxy_command)
    if not words:
        return []
    if sys.platform == "win32":
        # OpenSSH for Windows before 8.0 does not look for the program on PATH.
        line = list2cmdline([shutil.which(words[0]) or words[0], *words[1:]])
    else:
        line = shell_line(words)
    # A lone % would be a token of ssh_config(5).
    return ["-o", "ProxyCommand=" + line.replace("%", "%%")]


def _one_word(path: Path) -> str:
    """Quote a path for ssh_config(5): spaces would split it, and a single % would be a token."""
    text = str(path).replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _as_user(user: str, command: Sequence[str]) -> list[str]:
    if not command:
        return ["sudo", "-n", "-i", f"--user={user}"]
    words = ["sh", "-c", command[0]] if len(command) == 1 else list(command)
    return ["sudo", "-n", "-H", f"--user={user}", "--", "sh", "-lc", _AS_AT_LOGIN, "sh", *words]
